"""Checks the header of a GGUF file before llama.cpp reads it: counts, lengths and offsets must lie within the file.

GGUF parsers had heap overflows (CVE-2024-23605, CVE-2025-53630, CVE-2026-33298), and one executed a chat template from a file
(CVE-2024-34359). The format is that of ggml/docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

from edge.errors import BundleError
from firmware_config.verified_file import StoredFile, steady_path

MAX_ENTRIES = 20_000
"""Of keys, and of tensors; real models have hundreds of each."""

MAX_ARRAY = 4_000_000
"""Numbers in an array."""

MAX_TEXTS = 1_000_000
"""In all arrays together: each costs time to step over. The largest vocabularies have 260,000 tokens and 510,000 merges."""

MAX_NAME_BYTES = 1_024
"""Of a key or a tensor; llama.cpp takes 64 for a tensor."""

MAX_HEADER_BYTES = 128 << 20
"""Before the first tensor; those of the largest vocabularies are 16 MB."""
CHAT_TEMPLATE = b"tokenizer.chat_template"

_UINT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9
_SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, _UINT32: 4, 5: 4, 6: 4, _BOOL: 1, 10: 8, 11: 8, 12: 8}
"""Type of a value -> its bytes: integers of 8, 16 and 32 bits, float32, bool, then types of 64 bits."""

_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18),
}  # fmt: skip
"""Type of a tensor -> elements and bytes of one block, as in ggml.h (2 is Q4_0, 8 is Q8_0, 30 is bfloat16)."""


def require_sound(model: StoredFile) -> None:
    """Refuse a GGUF file whose header is not sound, or that holds a chat template.

    Raises:
        BundleError: the first check that fails.
        OSError: it cannot be read.
    """
    with sound_header(model):
        pass


@contextmanager
def sound_header(model: StoredFile) -> Iterator[Header]:
    """Check a GGUF file as `require_sound` does and give its header while the file is open.

    Raises:
        BundleError: the first check that fails.
        ManifestError: its content is not what the manifest of its bundle lists.
        OSError: it cannot be read.
    """
    with steady_path(model) as path, path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            msg = f"{model.name} is empty, expected a GGUF model: export it again"
            raise BundleError(msg)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            header = Header(raw)
            try:
                header.check()
            except (struct.error, _UnsoundError) as err:
                what = "it ends too early" if isinstance(err, struct.error) else str(err)
                msg = f"{model.name} is no sound GGUF file ({what}): export it again"
                raise BundleError(msg) from err
            yield header


class _UnsoundError(Exception):
    """The check that failed."""


class Header:
    """Reads a header from its start to its end; `at` is the offset of the next byte.

    After `check`, `floats` maps each key with a float32 to its value, and `tensors` maps the name of each tensor to its shape (innermost
    dimension first), its type and the offset of its first byte in the file.
    """

    def __init__(self, raw: mmap.mmap) -> None:
        self.raw = raw
        self.at = 0
        self.alignment = 32
        self.texts = 0
        self.end = min(len(raw), MAX_HEADER_BYTES)
        self.floats: dict[bytes, float] = {}
        self.tensors: dict[bytes, tuple[list[int], int, int]] = {}

    def check(self) -> None:
        """Read and check the whole header.

        Raises:
            _UnsoundError, struct.error: the first check that fails.
        """
        if self.raw[:4] != b"GGUF":
            _refuse("it does not begin with GGUF")
        self.at = 4
        version, tensors, keys = self._number("I"), self._number("Q"), self._number("Q")
        if version not in {2, 3}:
            _refuse(f"version {version}, expected 2 or 3")
        if max(tensors, keys) > MAX_ENTRIES:
            _refuse(f"{tensors} tensors and {keys} keys, expected at most {MAX_ENTRIES} of each")
        self._check_keys(keys)
        self._check_tensors(tensors)

    def _check_keys(self, count: int) -> None:
        seen: set[bytes] = set()
        for _ in range(count):
            key = self._string(MAX_NAME_BYTES)
            if key in seen:
                _refuse(f"the key {key[:64]!r} occurs twice")
            seen.add(key)
            if key.startswith(CHAT_TEMPLATE):
                _refuse("it holds a chat template, which is a program")
            kind = self._number("I")
            if key == b"general.alignment":
                if kind != _UINT32:
                    _refuse("its alignment is no uint32")
                self.alignment = self._number("I")
                if self.alignment not in {8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096}:
                    _refuse(f"alignment {self.alignment}, expected a power of two from 8 to 4096")
            elif kind == _FLOAT32:
                (self.floats[key],) = struct.unpack_from("<f", self.raw, self.at)
                self._move(4)
            elif kind == _ARRAY:
                self._skip_array()
            else:
                self._skip_value(kind)

    def _skip_array(self) -> None:
        kind, count = self._number("I"), self._number("Q")
        if count > MAX_ARRAY:
            _refuse(f"an array of {count} elements, expected at most {MAX_ARRAY}")
        if kind == _STRING:
            self._skip_texts(count)
        elif kind in _SCALAR_BYTES:
            self._move(_SCALAR_BYTES[kind] * count)
        else:
            _refuse(f"an array of type {kind}")

    def _skip_texts(self, count: int) -> None:
        self.texts += count
        if self.texts > MAX_TEXTS:
            _refuse(f"{self.texts} texts in arrays, expected at most {MAX_TEXTS}")
        length_at, at, end = struct.Struct("<Q").unpack_from, self.at, self.end
        for _ in range(count):
            at += 8 + length_at(self.raw, at)[0]
            if at > end:
                _refuse("a text reaches beyond the header")
        self.at = at

    def _skip_value(self, kind: int) -> None:
        if kind == _STRING:
            self._string(self.end)
        elif kind in _SCALAR_BYTES:
            self._move(_SCALAR_BYTES[kind])
        else:
            _refuse(f"a value of type {kind}")

    def _check_tensors(self, count: int) -> None:
        spans: list[tuple[int, int]] = []
        for _ in range(count):
            name, dimensions = self._string(MAX_NAME_BYTES), self._number("I")
            if name in self.tensors or not 1 <= dimensions <= 4:
                _refuse(f"the tensor {name[:64]!r} occurs twice, or has {dimensions} dimensions, expected 1 to 4")
            shape = [self._number("Q") for _ in range(dimensions)]
            kind, offset = self._number("I"), self._number("Q")
            if kind not in _BLOCKS:
                _refuse(f"the tensor {name[:64]!r} has the unknown type {kind}")
            elements, size = _BLOCKS[kind]
            if min(shape) < 1 or max(shape) > 1 << 40 or shape[0] % elements or offset % self.alignment:
                _refuse(f"the tensor {name[:64]!r} has a shape or an offset that does not fit its type")
            spans.append((offset, offset + prod(shape) // elements * size))
            self.tensors[name] = (shape, kind, offset)
        data = -(-self.at // self.alignment) * self.alignment
        self.tensors = {name: (shape, kind, data + offset) for name, (shape, kind, offset) in self.tensors.items()}
        end = 0
        for start, stop in sorted(spans):
            if start < end:
                _refuse("its tensors overlap")
            end = stop
        if spans and data + end > len(self.raw):
            _refuse("its tensors reach beyond the end of the file")

    def _number(self, form: str) -> int:
        (value,) = struct.unpack_from("<" + form, self.raw, self.at)
        self.at += struct.calcsize("<" + form)
        return int(value)

    def _string(self, limit: int) -> bytes:
        length = self._number("Q")
        if length > limit:
            _refuse(f"a text of {length} bytes, expected at most {limit}")
        start = self.at
        self._move(length)
        return self.raw[start : self.at]

    def _move(self, count: int) -> None:
        self.at += count
        if self.at > self.end:
            _refuse(f"it ends too early, or its header is larger than {MAX_HEADER_BYTES} bytes")


def _refuse(what: str) -> None:
    raise _UnsoundError(what)
