from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.archive import END, header, unpack
from edge.bundle.open import open_bundle
from edge.errors import BundleError
from tests.support.tiny_bundle import TRUSTED, archive_parts, as_json, everything_below, is_one_sentence, manifest_of, sound_files


def test_a_sound_archive_unpacks_to_the_same_bundle(tmp_path: Path) -> None:
    raw = as_json(manifest_of(sound_files()))
    (tmp_path / "b.kbundle").write_bytes(b"".join(archive_parts(sound_files(), raw)))

    bundle = unpack(tmp_path / "b.kbundle", tmp_path / "b", trusted=TRUSTED)

    assert bundle == open_bundle(tmp_path / "b", trusted=TRUSTED)
    listed = subprocess.run(["tar", "-tf", tmp_path / "b.kbundle"], capture_output=True, text=True, timeout=30, check=True).stdout.split()
    assert listed == ["manifest.json", "manifest.sig", *sorted(sound_files())]


def with_type(block: bytes, kind: bytes, link: bytes = b"") -> bytes:
    """A header of another kind of entry, its checksum right."""
    changed = block[:148] + b" " * 8 + kind + link.ljust(100, b"\0") + block[257:]
    return changed[:148] + b"%06o\0 " % sum(changed) + changed[156:]


FIRST = 6
"""Where the first file's header stands, after manifest and signature of three parts each."""

Parts = list[bytes]


def instead(make: Callable[[bytes], bytes]) -> Callable[[Parts], Parts]:
    """Change the first file's header."""
    return lambda parts: [*parts[:FIRST], make(parts[FIRST]), *parts[FIRST + 1 :]]


def before(*extra: bytes) -> Callable[[Parts], Parts]:
    """Put something before the first file."""
    return lambda parts: [*parts[:FIRST], *extra, *parts[FIRST:]]


LONG_NAME = b"../../evil".ljust(512, b"\0")
ARCHIVES: list[tuple[str, Callable[[Parts], Parts], str]] = [
    ("symbolic link", instead(lambda block: with_type(block, b"2", b"/etc/passwd")), "at the start of blip/decoder.onnx"),
    ("hard link", instead(lambda block: with_type(block, b"1", b"manifest.json")), "at the start of blip/decoder.onnx"),
    ("character device", instead(lambda block: with_type(block, b"3")), "at the start of"),
    ("block device", instead(lambda block: with_type(block, b"4")), "at the start of"),
    ("pipe", instead(lambda block: with_type(block, b"6")), "at the start of"),
    ("sparse file", instead(lambda block: with_type(block, b"S")), "at the start of"),
    ("setuid", instead(lambda block: block.replace(b"0000644", b"0004755")), "at the start of"),
    ("wrong checksum", instead(lambda block: block[:148] + b"000000" + block[154:]), "at the start of"),
    ("larger than listed", instead(lambda _: header("blip/decoder.onnx", 8**11 - 1)), "at the start of"),
    ("folder", before(with_type(header("blip/", 0), b"5")), "at the start of"),
    ("pax path", before(with_type(header("pax", 512), b"x"), b"20 path=../../evil\n".ljust(512, b"\0")), "at the start of"),
    ("gnu long name", before(with_type(header("long", 512), b"L"), LONG_NAME), "at the start of"),
    ("parent path", before(header("../evil.txt", 0)), "at the start of"),
    ("absolute path", before(header("/etc/cron.d/evil.txt", 0)), "at the start of"),
    ("unknown file", before(header("evil.txt", 0)), "at the start of"),
    ("file twice", lambda p: [*p[: FIRST + 3], *p[FIRST:]], "at the start of"),
    ("two files swapped", lambda p: [*p[:FIRST], *p[FIRST + 3 : FIRST + 6], *p[FIRST : FIRST + 3], *p[FIRST + 6 :]], "at the start"),
    ("missing file", lambda p: [*p[:FIRST], *p[FIRST + 3 :]], "at the start of"),
    ("unknown file at the end", lambda p: [*p[:-1], header("evil.txt", 0), END], "at the last file"),
    ("something in the padding", lambda p: [*p[: FIRST + 2], b"x" * len(p[FIRST + 2]), *p[FIRST + 3 :]], "at blip/decoder.onnx"),
    ("trailing data", lambda p: [*p, b"#!/bin/sh"], "after its end"),
    ("a second archive behind it", lambda p: [*p, *p], "after its end"),
    ("no end", lambda p: p[:-1], "at the last file"),
    ("cut in the middle", lambda p: p[: len(p) // 2], "cut off"),
    ("signature first", lambda p: [*p[3:6], *p[:3], *p[6:]], "manifest.json of at most"),
    ("no manifest", lambda p: p[3:], "manifest.json of at most"),
    ("huge manifest", lambda p: [header("manifest.json", 8**11 - 1), *p[1:]], "manifest.json of at most 10000000 bytes"),
    ("negative manifest", lambda p: [p[0][:124] + b"-0000000001" + p[0][135:], *p[1:]], "manifest.json of at most"),
    ("flipped byte", lambda p: [*p[: FIRST + 1], b"\1" + p[FIRST + 1][1:], *p[FIRST + 2 :]], "was changed"),
    ("flipped byte in manifest", lambda p: [p[0], p[1].replace(b"tiny", b"tinx"), *p[2:]], "signature"),
    ("gzip", lambda _: [b"\x1f\x8b\x08\0\0\0\0\0"], "manifest.json of at most"),
    ("empty", lambda _: [], "manifest.json of at most"),
]


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in ARCHIVES], ids=[row[0] for row in ARCHIVES])
def test_a_hostile_archive_is_refused_and_leaves_nothing(change: Callable[[Parts], Parts], expected: str, tmp_path: Path) -> None:
    parts = archive_parts(sound_files(), as_json(manifest_of(sound_files())))
    (tmp_path / "b.kbundle").write_bytes(b"".join(change(parts)))
    there = everything_below(tmp_path)

    with pytest.raises(BundleError, match=expected) as refused:
        unpack(tmp_path / "b.kbundle", tmp_path / "new", trusted=TRUSTED)

    assert is_one_sentence(str(refused.value))
    assert everything_below(tmp_path) == there


def test_unpacking_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "b.kbundle").write_bytes(b"".join(archive_parts(sound_files(), as_json(manifest_of(sound_files())))))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine.txt").write_text("kept")
    with pytest.raises(BundleError, match="new folder"):
        unpack(tmp_path / "b.kbundle", tmp_path / "new", trusted=TRUSTED)
    assert (tmp_path / "new" / "mine.txt").read_text() == "kept"


def test_a_device_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no regular file"):
        unpack(Path("/dev/zero"), tmp_path / "new", trusted=TRUSTED)
