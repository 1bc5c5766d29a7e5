"""Archives that somebody made to harm: each with what is changed in a sound one, and the words of its refusal."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge.bundle.archive import END, header, padding
from tests.support.tiny_bundle import archive_parts, as_json, manifest_of, sound_files

Parts = list[bytes]
Change = Callable[[Parts, Path], Parts]

FIRST = 6
"""Where the first file's header stands, after manifest and signature of three parts each."""

EVIL = b"evil"
AT_FIRST, AT_END = "at the start of blip/decoder.onnx", "at the last file"


class Hostile(NamedTuple):
    """One archive; `change` takes the parts of a sound one and a file outside of the folder that it is unpacked into."""

    name: str
    change: Change
    refusal: str

    def write(self, path: Path, outside: Path) -> None:
        parts = archive_parts(sound_files(), as_json(manifest_of(sound_files())))
        path.write_bytes(b"".join(self.change(parts, outside)))


def with_fields(block: bytes, **fields: bytes) -> bytes:
    """A header with other fields, its checksum right."""
    places = {
        "name": (0, 100), "mode": (100, 8), "uid": (108, 8), "size": (124, 12), "mtime": (136, 12), "kind": (156, 1), "link": (157, 100),
        "magic": (257, 8), "owner": (265, 32), "major": (329, 8), "prefix": (345, 155), "rest": (500, 12),
    }  # fmt: skip
    changed = bytearray(block)
    for name, content in fields.items():
        at, width = places[name]
        changed[at : at + width] = content.ljust(width, b"\0")[:width]
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def instead(**fields: bytes) -> Change:
    """Change the first file's header."""
    return lambda parts, _: [*parts[:FIRST], with_fields(parts[FIRST], **fields), *parts[FIRST + 1 :]]


def before(*extra: bytes) -> Change:
    """Put something before the first file."""
    return lambda parts, _: [*parts[:FIRST], *extra, *parts[FIRST:]]


def file(name: str, content: bytes = EVIL, **fields: bytes) -> bytes:
    return with_fields(header("x", len(content)), name=name.encode(), **fields) + content + padding(len(content))


def pax(records: dict[str, str], kind: bytes = b"x") -> bytes:
    """A pax header, which changes the next file's, or with kind "g" those of all that follow."""
    lines = b""
    for key, value in records.items():
        body = f" {key}={value}\n".encode()
        length = len(body) + 1
        while length != len(str(length)) + len(body):
            length = len(str(length)) + len(body)
        lines += str(length).encode() + body
    return file("pax", lines, kind=kind)


def link_then_through_it(parts: Parts, outside: Path) -> Parts:
    link = with_fields(header("clip", 0), kind=b"2", link=str(outside.parent).encode())
    return [*parts[:FIRST], link, file(f"clip/{outside.name}"), *parts[FIRST:]]


def hard_link_out(parts: Parts, outside: Path) -> Parts:
    outside.write_bytes(b"of somebody else")
    link = with_fields(header("evil.txt", 0), kind=b"1", link=f"../{outside.name}".encode())
    return [*parts[:FIRST], link, file("evil.txt"), *parts[FIRST:]]


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, EVIL)
    return out.getvalue()


def whole(change: Callable[[bytes], bytes]) -> Change:
    return lambda parts, _: [change(b"".join(parts))]


LONG_NAME = file("././@LongLink", b"../evil.txt\0", kind=b"L")
LONG_LINK = file("././@LongLink", b"../../etc/passwd\0", kind=b"K")
BASE_256 = b"\x80" + bytes(7) + struct.pack(">I", 1 << 30)

ARCHIVES = [
    Hostile(*row)
    for row in (
        ("symbolic link", instead(kind=b"2", link=b"/etc/passwd"), AT_FIRST),
        ("symbolic link to a folder outside", before(with_fields(header("clip", 0), kind=b"2", link=b"..")), AT_FIRST),
        ("a file through a link", link_then_through_it, AT_FIRST),
        ("hard link", instead(kind=b"1", link=b"manifest.json"), AT_FIRST),
        ("hard link out and through it", hard_link_out, AT_FIRST),
        ("character device", instead(kind=b"3", major=b"0000001"), AT_FIRST),
        ("block device", instead(kind=b"4"), AT_FIRST),
        ("folder in the place of a file", instead(kind=b"5"), AT_FIRST),
        ("pipe", instead(kind=b"6"), AT_FIRST),
        ("contiguous file", instead(kind=b"7"), AT_FIRST),
        ("file of the kind of version 7", instead(kind=b"\0"), AT_FIRST),
        ("unknown kind", instead(kind=b"Z"), AT_FIRST),
        ("sparse file", instead(kind=b"S"), AT_FIRST),
        ("second volume", instead(kind=b"M"), AT_FIRST),
        ("label of a volume", before(with_fields(header("label", 0), kind=b"V")), AT_FIRST),
        ("folder", before(with_fields(header("blip/", 0), kind=b"5")), AT_FIRST),
        ("folder of the parent", before(with_fields(header("..", 0), kind=b"5", mode=b"0000777")), AT_FIRST),
        ("setuid", instead(mode=b"0004755"), AT_FIRST),
        ("writable by all", instead(mode=b"0000666"), AT_FIRST),
        ("another owner", instead(uid=b"0001750"), AT_FIRST),
        ("owner by name", instead(owner=b"root"), AT_FIRST),
        ("another time", instead(mtime=b"77777777777"), AT_FIRST),
        ("device number on a file", instead(major=b"0000001"), AT_FIRST),
        ("something after the prefix", instead(rest=b"x"), AT_FIRST),
        ("magic of GNU", instead(magic=b"ustar  "), AT_FIRST),
        ("no magic", instead(magic=b""), AT_FIRST),
        ("wrong checksum", lambda p, _: [*p[:FIRST], p[FIRST][:148] + b"000000" + p[FIRST][154:], *p[FIRST + 1 :]], AT_FIRST),
        ("checksum in another form", lambda p, _: [*p[:FIRST], p[FIRST][:154] + b" \0" + p[FIRST][156:], *p[FIRST + 1 :]], AT_FIRST),
        ("larger than listed", lambda p, _: [*p[:FIRST], header("blip/decoder.onnx", 8**11 - 1), *p[FIRST + 1 :]], AT_FIRST),
        ("smaller than listed", lambda p, _: [*p[:FIRST], header("blip/decoder.onnx", 1), *p[FIRST + 1 :]], AT_FIRST),
        ("size in base 256", instead(size=BASE_256), AT_FIRST),
        ("negative size in base 256", instead(size=b"\xff" * 12), AT_FIRST),
        ("negative size", instead(size=b"-0000000001"), AT_FIRST),
        ("size with a blank", instead(size=b" " + b"0" * 10), AT_FIRST),
        ("size that is no number", instead(size=b"0x7fffffff"), AT_FIRST),
        ("parent path", before(file("../evil.txt")), AT_FIRST),
        ("parent path inside", before(file("blip/../../evil.txt")), AT_FIRST),
        ("absolute path", lambda p, outside: before(file(str(outside)))(p, outside), AT_FIRST),
        ("parent path in the prefix", before(file("evil.txt", prefix=b"..")), AT_FIRST),
        ("path with a dot", instead(name=b"./blip/decoder.onnx"), AT_FIRST),
        ("path with two slashes", instead(name=b"blip//decoder.onnx"), AT_FIRST),
        ("path with a slash at its end", instead(name=b"blip/decoder.onnx/"), AT_FIRST),
        ("path with a backslash", before(file("..\\evil.txt")), AT_FIRST),
        ("path with a zero byte", instead(name=b"blip/decoder.onnx\0/../../evil.txt"), AT_FIRST),
        ("path that is no text", before(file("\udcff.txt".encode("utf-8", "surrogateescape").decode("latin-1"))), AT_FIRST),
        ("path in other case", instead(name=b"BLIP/decoder.onnx"), AT_FIRST),
        ("empty path", instead(name=b""), AT_FIRST),
        ("pax path", before(pax({"path": "../evil.txt"})), AT_FIRST),
        ("pax path for all that follow", before(pax({"path": "../evil.txt"}, b"g")), AT_FIRST),
        ("pax link", before(pax({"linkpath": "/etc/passwd"})), AT_FIRST),
        ("pax size", before(pax({"size": str(10**12)})), AT_FIRST),
        ("pax sparse file of a terabyte", before(pax({"GNU.sparse.realsize": str(10**12), "GNU.sparse.name": "../evil.txt"})), AT_FIRST),
        ("pax character set", before(pax({"hdrcharset": "BINARY"})), AT_FIRST),
        ("GNU long name", before(LONG_NAME), AT_FIRST),
        ("GNU long link", before(LONG_LINK), AT_FIRST),
        ("unknown file", before(file("evil.txt")), AT_FIRST),
        ("unknown program", before(file("evil.so", mode=b"0000755")), AT_FIRST),
        ("file twice", lambda p, _: [*p[: FIRST + 3], *p[FIRST:]], "at the start of"),
        ("file once more at the end", lambda p, _: [*p[:-1], file("blip/decoder.onnx"), END], AT_END),
        ("second manifest", lambda p, _: [*p[:3], *p], "manifest.sig of at most"),
        ("second manifest at the end", lambda p, _: [*p[:-1], file("manifest.json"), END], AT_END),
        ("second signature", lambda p, _: [*p[:FIRST], *p[3:]], AT_FIRST),
        ("two files swapped", lambda p, _: [*p[:6], *p[9:12], *p[6:9], *p[12:]], "at the start"),
        ("missing file", lambda p, _: [*p[:FIRST], *p[FIRST + 3 :]], "at the start of"),
        ("unknown file at the end", lambda p, _: [*p[:-1], file("evil.txt"), END], AT_END),
        ("something in the padding", lambda p, _: [*p[:8], b"x" * len(p[8]), *p[9:]], "at blip/decoder.onnx"),
        ("empty blocks between files", before(END), AT_FIRST),
        ("one empty block at the end", lambda p, _: [*p[:-1], END[:512]], AT_END),
        ("trailing data", lambda p, _: [*p, b"#!/bin/sh"], "after its end"),
        ("trailing zeros", lambda p, _: [*p, END], "after its end"),
        ("a second archive behind it", lambda p, _: [*p, *p], "after its end"),
        ("no end", lambda p, _: p[:-1], AT_END),
        ("cut in the middle", lambda p, _: p[: len(p) // 2], "cut off"),
        ("cut in a header", whole(lambda raw: raw[:700]), "manifest.json of at most|signature|cut off|not"),
        ("signature first", lambda p, _: [*p[3:6], *p[:3], *p[6:]], "manifest.json of at most"),
        ("no manifest", lambda p, _: p[3:], "manifest.json of at most"),
        ("no signature", lambda p, _: [*p[:3], *p[6:]], "manifest.sig of at most"),
        ("huge manifest", lambda p, _: [header("manifest.json", 8**11 - 1), *p[1:]], "manifest.json of at most 10000000 bytes"),
        ("huge signature", lambda p, _: [*p[:3], header("manifest.sig", 8**11 - 1), *p[4:]], "manifest.sig of at most 1000 bytes"),
        ("flipped byte", lambda p, _: [*p[:7], b"\1" + p[7][1:], *p[8:]], "was changed"),
        ("flipped byte in the manifest", lambda p, _: [p[0], p[1].replace(b"tiny", b"tinx"), *p[2:]], "signature"),
        ("other content of the same size", lambda p, _: [*p[:7], bytes(len(p[7])), *p[8:]], "was changed"),
        ("gzip", whole(gzip.compress), "manifest.json of at most"),
        ("bzip2", whole(bz2.compress), "manifest.json of at most"),
        ("xz", whole(lzma.compress), "manifest.json of at most"),
        ("zip", lambda *_: [zipped("manifest.json")], "manifest.json of at most"),
        ("zip with a parent path", lambda *_: [zipped("../evil.txt")], "manifest.json of at most"),
        ("empty", lambda *_: [], "manifest.json of at most"),
        ("zeros", lambda *_: [bytes(1 << 16)], "manifest.json of at most"),
    )
]  # fmt: skip

WRITES_OUTSIDE = {
    "symbolic link to a folder outside", "a file through a link", "hard link out and through it",
    "parent path", "absolute path", "parent path in the prefix",
    "pax path", "pax path for all that follow", "GNU long name", "pax sparse file of a terabyte", "folder of the parent",
}  # fmt: skip
"""With these the standard library writes outside the folder that it is told, or changes what is there."""
