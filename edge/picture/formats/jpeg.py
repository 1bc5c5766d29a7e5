"""JPEG: every scan is there, and the decoder has nothing to say against it.

libjpeg fills what it cannot decode with grey and only warns. simplejpeg (libjpeg-turbo) raises on each warning: data that ends early, data
that is left over, a code that does not exist, a restart marker out of order. It does not notice missing scans; that is looked at here.

A run of zeros in a scan is a part that was never written, unless the code tables of the file spell flat blocks with zeros; then the
decoder finds too many blocks.

JPEG has no checksum. A few lost bytes or one changed bit may leave a code that comes out at its last block all the same: of 1 to 8 lost
bytes about half are noticed, of more than a hundredth of the file 99 in 100.

Source: ITU-T T.81, annexes B and G; CIPA DC-007 for the list of further pictures.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simplejpeg

from edge.picture.formats.directory import first_directory, orientation_of
from edge.picture.formats.structure import UPRIGHT, FormatError, Samples, Structure
from edge.records import Reason

SIGNATURE = b"\xff\xd8\xff"

_HUFFMAN, _QUANTISATION, _EOI, _SOS, _APP1, _APP2 = 0xC4, 0xDB, 0xD9, 0xDA, 0xE1, 0xE2
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""Inside a scan 0xFF is followed by 0x00 or a restart marker."""

MAX_SCANS = 500
"""A file with more is made to keep a decoder busy; libjpeg-turbo's own tests stop at this number."""

_ZEROS = bytes(16)
"""The longest run in the code of 2,624 real cells at three qualities is 3 bytes."""
_COEFFICIENTS = 64
_NOT_YET = 99
_PICTURES, _THUMBNAILS = 0xB002, 0x01
"""MPF: the list of pictures, 16 bytes each, and the class of those that are only thumbnails."""


@dataclass(frozen=True, slots=True)
class _Frame:
    process: int
    bits: int
    width: int
    height: int
    components: tuple[int, ...]


def size(raw: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    for marker, body, _end in _segments(raw):
        if marker in _FRAMES:
            frame = _frame(marker, body)
            return frame.width, frame.height
    raise FormatError(Reason.UNREADABLE, "is damaged (it names no size)")


def structure(raw: bytes) -> Structure:
    """Walk all markers."""
    frame: _Frame | None = None
    scans, orientation, further = _Scans(), UPRIGHT, None
    for marker, body, end in _segments(raw):
        if marker in _FRAMES:
            if frame is not None:
                raise FormatError(Reason.UNREADABLE, "is damaged (it has two frame headers)")
            frame = _supported(_frame(marker, body))
        elif marker == _HUFFMAN:
            scans.note_tables(body)
        elif marker == _QUANTISATION:
            _require_divisors(body)
        elif marker == _SOS:
            scans.add(body, frame)
            scans.require_written(raw, end)
        elif marker == _APP1 and body.startswith(b"Exif\x00\x00") and orientation == UPRIGHT:
            orientation = orientation_of(body[6:])
        elif marker == _APP2 and body.startswith(b"MPF\x00"):
            further = _further_pictures(body[4:])
        elif marker == _EOI:
            scans.require_all(frame)
            # The pictures of the list lie behind this one: they are counted there.
            return Structure(end=end if further is None else len(raw), pages=further or 1, orientation=orientation)
    raise FormatError(Reason.UNREADABLE, f"is cut off after {len(raw)} bytes")


def decode(raw: bytes, _structure: Structure) -> Samples:
    """Decode; a warning of the decoder is an error."""
    try:
        _height, _width, colours, _sampling = simplejpeg.decode_jpeg_header(raw)
        pixels = simplejpeg.decode_jpeg(raw, colorspace="GRAY" if colours == "Gray" else "BGR", strict=True)
    except ValueError as err:
        raise FormatError(Reason.UNREADABLE, f"is damaged ({err})") from err
    return np.asarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, np.uint8)


def _segments(raw: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, content and end of each segment up to the end marker; the coded data after a scan header is stepped over."""
    at = 2
    while at + 2 <= len(raw):
        if raw[at] != 0xFF:
            raise FormatError(Reason.UNREADABLE, f"is damaged (no marker at byte {at})")
        marker = raw[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _EOI:
            yield marker, b"", at + 2
            return
        length = struct.unpack_from(">H", raw, at + 2)[0] if at + 4 <= len(raw) else 0
        if marker not in _TABLES and marker not in _FRAMES and marker != _SOS:
            raise FormatError(Reason.UNREADABLE, f"is damaged (unknown marker {marker:02x} at byte {at})")
        if length < 2 or at + 2 + length > len(raw):
            raise FormatError(Reason.UNREADABLE, f"is cut off after {len(raw)} bytes")
        yield marker, raw[at + 4 : at + 2 + length], at + 2 + length
        at += 2 + length
        if marker == _SOS:
            found = _NEXT_MARKER.search(raw, at)
            at = found.start() if found else len(raw)


def _frame(marker: int, body: bytes) -> _Frame:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise FormatError(Reason.UNREADABLE, "is damaged (its frame header is too short)")
    bits, height, width, count = struct.unpack_from(">BHHB", body)
    if not width or not height:
        raise FormatError(Reason.UNREADABLE, f"is damaged (its size is {width}x{height})")
    return _Frame(marker, bits, width, height, tuple(body[6 + 3 * i] for i in range(count)))


def _supported(frame: _Frame) -> _Frame:
    if frame.process not in {_BASELINE, _EXTENDED, _PROGRESSIVE}:
        raise FormatError(
            Reason.UNSUPPORTED,
            f"is a JPEG of process {frame.process - 0xC0} (lossless or arithmetic)",
            "write baseline or progressive JPEG, or PNG",
        )
    if frame.bits != 8:
        raise FormatError(Reason.UNSUPPORTED, f"is a JPEG of {frame.bits} bits", "write 8 bits, or PNG or TIFF of 16 bits")
    if len(frame.components) not in {1, 3}:
        raise FormatError(
            Reason.UNSUPPORTED,
            f"is a JPEG of {len(frame.components)} colour components (CMYK, or another space that no camera has)",
            "write grey or RGB",
        )
    return frame


class _Scans:
    """Which coefficients of which component have been coded down to which bit."""

    def __init__(self) -> None:
        self._missing_bits: dict[int, list[int]] = {}
        self._count = 0
        self._flat_is_zeros: dict[int, bool] = {}
        self._zeros_are_code = True

    def note_tables(self, body: bytes) -> None:
        """Note of each Huffman table whether its code of zeros means "nothing changes": the end of a block, or the same mean level."""
        at = 0
        while at + 17 < len(body):
            self._flat_is_zeros[body[at]] = body[at + 17] == 0
            at += 17 + sum(body[at + 1 : at + 17])

    def add(self, body: bytes, frame: _Frame | None) -> None:
        """Note one scan header."""
        self._count += 1
        if frame is None or not body or len(body) != 4 + 2 * body[0] or self._count > MAX_SCANS:
            raise FormatError(Reason.UNREADABLE, f"is damaged (scan {self._count} does not fit)")
        first, last, bits = body[-3:]
        before, after = bits >> 4, bits & 15
        if frame.process != _PROGRESSIVE:
            first, last, before, after = 0, _COEFFICIENTS - 1, 0, 0
        if last >= _COEFFICIENTS:
            raise FormatError(Reason.UNREADABLE, f"is damaged (scan {self._count} does not fit)")
        for component in body[1 : 1 + 2 * body[0] : 2]:
            missing = self._missing_bits.setdefault(component, [_NOT_YET] * _COEFFICIENTS)
            for index in range(first, last + 1):
                if missing[index] != (before or _NOT_YET):
                    raise FormatError(Reason.UNREADABLE, f"is damaged (scan {self._count} repeats or skips a scan)")
                missing[index] = after
        tables = {number for selected in body[2 : 1 + 2 * body[0] : 2] for number in (selected >> 4, 0x10 | selected & 15)}
        self._zeros_are_code = frame.process == _PROGRESSIVE or all(self._flat_is_zeros.get(number) for number in tables)

    def require_written(self, raw: bytes, start: int) -> None:
        """The code of the scan that was added last holds no run of zeros that no encoder writes."""
        found = None if self._zeros_are_code else _NEXT_MARKER.search(raw, start)
        at = -1 if found is None else raw.find(_ZEROS, start, found.start())
        if at >= 0:
            raise FormatError(Reason.UNREADABLE, f"is damaged (its code is zeros from byte {at} on)")

    def require_all(self, frame: _Frame | None) -> None:
        """Each coefficient of each component must be complete."""
        components = () if frame is None else frame.components
        if not components or any(any(self._missing_bits.get(component, [_NOT_YET])) for component in components):
            raise FormatError(Reason.UNREADABLE, f"is incomplete (it ends after {self._count} scans, and more are needed)")


def _require_divisors(body: bytes) -> None:
    at = 0
    while at < len(body):
        size_bytes = 1 + (body[at] >> 4 > 0)
        values = body[at + 1 : at + 1 + _COEFFICIENTS * size_bytes]
        if len(values) < _COEFFICIENTS * size_bytes or not all(map(any, zip(*[iter(values)] * size_bytes, strict=True))):
            raise FormatError(Reason.UNREADABLE, "is damaged (its quantisation table divides by zero)")
        at += 1 + len(values)


def _further_pictures(block: bytes) -> int:
    """How many pictures the list of a multi-picture file names, thumbnails left out."""
    directory = first_directory(block)
    numbers = directory.numbers(_PICTURES)
    if max(numbers, default=0) > 0xFF:
        raise FormatError(Reason.UNREADABLE, "is damaged (its list of pictures)")
    listed = bytes(numbers)
    kinds = [int(struct.unpack_from(f"{directory.order}I", listed, at)[0]) >> 16 & 0xFF for at in range(0, len(listed) - 15, 16)]
    return max(1, len(kinds) - kinds.count(_THUMBNAILS))
