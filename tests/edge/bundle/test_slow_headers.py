"""Headers that were made to take long: each is refused, or read, in a bounded number of steps."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.gguf_header import MAX_ENTRIES, MAX_TEXTS, require_sound
from edge.bundle.onnx_header import MAX_DEPTH, MAX_FIELDS, require_self_contained
from edge.errors import BundleError
from firmware_config.verified_file import StoredFile
from tests.support.tiny_bundle import field, is_one_sentence, text

LONGEST_S = 2.0
NO_TEXTS = struct.pack("<II", 9, 8)
"""An array of texts; the number of them follows."""


def gguf_head(keys: bytes, count: int, tensors: bytes = b"", tensor_count: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensor_count, count) + keys + tensors


def texts(number: int, count: int) -> bytes:
    return text(f"key-{number}") + NO_TEXTS + struct.pack("<Q", count) + bytes(8 * count)


def tensor(number: int) -> bytes:
    return text(f"{number:060}") + struct.pack("<IQQQQIQ", 4, *[1 << 40] * 4, 0, 32 * number)


def nested(depth: int) -> bytes:
    """Graphs within attributes within nodes within graphs."""
    content = b""
    for level in reversed(range(depth)):
        content = field((7, 1, 5)[level] if level < 3 else (6, 1, 5)[level % 3], content)
    return content


SLOW: list[tuple[str, Callable[[StoredFile], None], bytes, str | None]] = [
    ("as many texts as are taken", require_sound, gguf_head(texts(0, MAX_TEXTS), 1), None),
    ("one text more", require_sound, gguf_head(texts(0, MAX_TEXTS) + texts(1, 1), 2), "texts in arrays"),
    ("many arrays of texts", require_sound, gguf_head(b"".join(texts(n, MAX_TEXTS // 10) for n in range(11)), 11), "texts in arrays"),
    ("more keys than are taken", require_sound, gguf_head(b"", MAX_ENTRIES + 1), "expected at most 20000 of each"),
    ("more tensors than are taken", require_sound, gguf_head(b"", 0, b"", MAX_ENTRIES + 1), "expected at most 20000 of each"),
    ("a key of 64 KB", require_sound, gguf_head(text("k" * 65_000), 1), "a text of 65000 bytes"),
    ("as many keys as are taken", require_sound,
     gguf_head(b"".join(text(f"{n:01000}") + struct.pack("<II", 4, n) for n in range(MAX_ENTRIES)), MAX_ENTRIES), None),
    ("as many tensors as are taken", require_sound,
     gguf_head(b"", 0, b"".join(map(tensor, range(MAX_ENTRIES))), MAX_ENTRIES), "overlap"),
    ("a text as long as the file", require_sound, gguf_head(text("k") + struct.pack("<IQ", 8, 1 << 62), 1), "bytes, expected at most"),
    ("an array of 2**62 numbers", require_sound, gguf_head(text("k") + struct.pack("<IIQ", 9, 4, 1 << 62), 1), "an array of"),
    ("as many fields as are taken", require_self_contained, field(7, field(1, b"") * (MAX_FIELDS - 1)), None),
    ("one field more", require_self_contained, field(7, field(1, b"") * MAX_FIELDS), "more than 300000 fields"),
    ("fields of the longest form", require_self_contained, field(7, (field(2**28, 2**62)) * (MAX_FIELDS - 1)), None),
    ("graphs within graphs", require_self_contained, nested(MAX_DEPTH + 2), "60 deep"),
    ("graphs within graphs, very deep", require_self_contained, nested(2_000), "60 deep"),
    ("a size beyond the file", require_self_contained, b"\x3a" + b"\xff" * 9 + b"\x01", "no sound ONNX file"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "raw", "refused"), [row[1:] for row in SLOW], ids=[row[0] for row in SLOW])
def test_a_header_takes_less_than_two_seconds(check: Callable[[StoredFile], None], raw: bytes, refused: str | None, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(raw)
    started = time.process_time()
    said = ""
    try:
        check(path)
    except BundleError as err:
        said = str(err)
    assert time.process_time() - started < LONGEST_S
    assert (refused is None) == (not said), said
    if refused is not None:
        assert refused in said
        assert is_one_sentence(said)


@pytest.mark.parametrize("check", [require_sound, require_self_contained])
def test_a_sparse_terabyte_is_refused_at_once(check: Callable[[StoredFile], None], tmp_path: Path) -> None:
    path = tmp_path / "model"
    with path.open("wb") as file:
        file.truncate(10**12)
    started = time.process_time()
    with pytest.raises(BundleError):
        check(path)
    assert time.process_time() - started < LONGEST_S
