"""TIFF: 8 or 16 bits, grey, RGB or palette, in strips or tiles, without compression, with LZW or with deflate.

Every strip or tile must lie in the file and hold all of its rows. LZW and deflate say by themselves how much they hold, and deflate has a
checksum; plain strips have none.

Source: TIFF 6.0; Adobe, TIFF technical notes 2002, for deflate.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from edge.picture.formats.directory import ORIENTATION, Directory, directory_at, first_directory, orientation_in
from edge.picture.formats.lzw import decoded_bytes
from edge.picture.formats.structure import UPRIGHT, FormatError, Samples, Structure, as_samples
from edge.records import Reason

LITTLE_SIGNATURE, BIG_SIGNATURE = b"II*\x00", b"MM\x00*"

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL = 254, 256, 257, 258, 259, 262, 266
_OFFSETS, _SAMPLES, _STRIP_ROWS, _COUNTS, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS, _EXTRA, _SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339

_PLAIN, _LZW, _DEFLATES = 1, 5, frozenset({8, 32_946})
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = range(4)
_REDUCED = 1
"""Bit of tag 254: a smaller copy of another page."""
_MAX_PAGES = 10_000
_WHOLE_NUMBERS = 1


@dataclass(frozen=True, slots=True)
class _Layout:
    width: int
    height: int
    bytes_each: int
    samples: int
    compression: int
    rows_alone: bool
    """Strips of grey levels or of RGB, not tiles, a palette, alpha or white as zero."""


def size(raw: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    first = first_directory(raw)
    width, height = first.number(_WIDTH, 0), first.number(_HEIGHT, 0)
    if not width or not height:
        raise FormatError(Reason.UNREADABLE, f"is damaged (its size is {width}x{height})")
    return width, height


def structure(raw: bytes) -> Structure:
    """Follow the directories, and look at every strip or tile of the first page."""
    first = first_directory(raw)
    pages = 1 + sum(not page.number(_SUBFILE, 0) & _REDUCED for page in _following(first))
    layout = _layout(first)
    parts = list(_parts(first, layout))
    for at, count, expected in parts:
        if at + count > len(raw):
            raise FormatError(Reason.UNREADABLE, f"is cut off after {len(raw)} of {at + count} bytes")
        if _held(raw, at, count, expected, layout.compression) != expected:
            raise FormatError(Reason.UNREADABLE, f"is damaged (the strip at byte {at} does not hold {expected} bytes of pixels)")
    span = (min(at for at, _count, _expected in parts), max(at + count for at, count, _expected in parts))
    stored = span if layout.compression == _PLAIN else None
    return Structure(end=len(raw), pages=pages, orientation=orientation_in(first), stored=stored)


def decode(raw: bytes, structure: Structure) -> Samples:
    """Decode without turning: OpenCV turns TIFF pictures and no others, so the tag is set to upright before."""
    first = first_directory(raw)
    layout = _layout(first)
    if layout.compression == _PLAIN and layout.rows_alone:
        return _stored_rows(raw, first, layout)
    upright = raw
    if structure.orientation != UPRIGHT:
        kind, _count, at = first.entries[ORIENTATION]
        changed = bytearray(raw)
        struct.pack_into(first.order + {1: "B", 3: "H", 4: "I"}[kind], changed, at, UPRIGHT)
        upright = bytes(changed)
    pixels = cv2.imdecode(np.frombuffer(upright, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype not in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        raise FormatError(Reason.UNREADABLE, "is damaged (its strips cannot be decoded)")
    samples = as_samples(pixels)
    if samples.ndim == 3 and samples.shape[2] == 4:
        if int(samples[:, :, 3].min()) != np.iinfo(samples.dtype).max:
            # OpenCV has multiplied 8-bit colours by alpha already: what the station says could not be done.
            raise FormatError(Reason.UNSUPPORTED, "is a TIFF with an alpha channel that is not opaque", "write it without alpha, or PNG")
        samples = samples[:, :, :3]
    return samples


def _stored_rows(raw: bytes, first: Directory, layout: _Layout) -> Samples:
    """The rows of plain strips, grey or BGR. OpenCV would hold the picture twice: 1.2 GB more for 100 megapixels of 16 bits in colour."""
    kind = np.dtype(np.uint8) if layout.bytes_each == 1 else np.dtype(f"{first.order}u2")
    rows = np.empty((layout.height, layout.width, layout.samples), kind.newbyteorder("="))
    top = 0
    for at, _count, expected in _parts(first, layout):
        strip = np.frombuffer(raw, kind, expected // layout.bytes_each, at).reshape(-1, layout.width, layout.samples)
        rows[top : top + len(strip)] = strip[:, :, ::-1]
        top += len(strip)
    return as_samples(rows[:, :, 0] if layout.samples == 1 else rows)


def _following(first: Directory) -> Iterator[Directory]:
    at, seen = first.following, set[int]()
    while at:
        if at in seen or len(seen) > _MAX_PAGES:
            raise FormatError(Reason.UNREADABLE, "is damaged (its list of pages has no end)")
        seen.add(at)
        page = directory_at(first.block, at, first.order)
        yield page
        at = page.following


def _layout(first: Directory) -> _Layout:
    """What kind of TIFF it is.

    Raises:
        FormatError: one that is not read.
    """
    samples, compression = first.number(_SAMPLES, 1), first.number(_COMPRESSION, _PLAIN)
    bits, kinds = set(first.numbers(_BITS) or (1,)), set(first.numbers(_SAMPLE_FORMAT) or (_WHOLE_NUMBERS,))
    photometric, planar = first.number(_PHOTOMETRIC, _BLACK_IS_ZERO), first.number(_PLANAR, 1)
    reasons = {
        f"compression {compression}": compression not in {_PLAIN, _LZW, *_DEFLATES},
        f"{'/'.join(map(str, sorted(bits)[:4]))} bits": bits not in ({8}, {16}),
        "16 bits and a palette, or white as zero": bits == {16} and photometric in {_WHITE_IS_ZERO, _PALETTE},
        "numbers that are not whole and positive": kinds != {_WHOLE_NUMBERS},
        f"colour space {photometric}": photometric not in {_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE},
        f"{samples} values a pixel": samples not in ({3, 4} if photometric == _RGB else {1}),
        "one plane for each colour": planar != 1 and samples > 1,
        "bits in reversed order": first.number(_FILL, 1) != 1,
        "a smaller copy as its first page": bool(first.number(_SUBFILE, 0) & _REDUCED),
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if found:
        advice = "write 8 or 16 bits, grey or RGB, without compression, with LZW or with deflate"
        raise FormatError(Reason.UNSUPPORTED, f"is a TIFF with {found[0]}", advice)
    rows_alone = _TILE_WIDTH not in first.entries and (photometric, samples) in {(_BLACK_IS_ZERO, 1), (_RGB, 3)}
    return _Layout(first.number(_WIDTH, 0), first.number(_HEIGHT, 0), max(bits) // 8, samples, compression, rows_alone)


def _parts(first: Directory, layout: _Layout) -> Iterator[tuple[int, int, int]]:
    """Place, length and bytes of pixels of each strip or tile."""
    pixel_bytes = layout.bytes_each * layout.samples
    tiled = _TILE_WIDTH in first.entries
    if tiled:
        across, down = first.number(_TILE_WIDTH, 0), first.number(_TILE_HEIGHT, 0)
    else:
        across, down = layout.width, min(first.number(_STRIP_ROWS, layout.height), layout.height)
    places, counts = first.numbers(_TILE_OFFSETS if tiled else _OFFSETS), first.numbers(_TILE_COUNTS if tiled else _COUNTS)
    expected = -(-layout.width // across) * -(-layout.height // down) if across and down else 0
    if not expected or len(places) != expected or len(counts) != expected:
        raise FormatError(Reason.UNREADABLE, f"is damaged (it lists {len(places)} strips and {len(counts)} lengths, expected {expected})")
    for index, (place, count) in enumerate(zip(places, counts, strict=True)):
        rows = down if tiled else min(down, layout.height - index * down)
        yield place, count, across * rows * pixel_bytes


def _held(raw: bytes, at: int, count: int, expected: int, compression: int) -> int:
    """How many bytes of pixels a strip holds; a plain one may be longer than it must be."""
    if compression == _PLAIN:
        return min(count, expected)
    if compression == _LZW:
        return decoded_bytes(np.frombuffer(raw, np.uint8, count, at))
    unpacked, packed, held = zlib.decompressobj(), raw[at : at + count], 0
    try:
        while packed and not unpacked.eof and held <= expected:
            held += len(unpacked.decompress(packed, 1 << 20))
            packed = unpacked.unconsumed_tail
    except zlib.error:
        return -1
    return held if unpacked.eof else -1
