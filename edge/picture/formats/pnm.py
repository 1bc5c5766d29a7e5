"""PGM and PPM, binary: 8 bits, or 16 bits whose range the station names. They have no checksum.

Source: Netpbm, pgm(5) and ppm(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from edge.picture.formats.structure import FormatError, Samples, Structure, stored_rows
from edge.records import Reason

GREY_SIGNATURE, COLOUR_SIGNATURE = b"P5", b"P6"

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P([56])" + _GAP + rb"(\d{1,7})" + _GAP + rb"(\d{1,7})" + _GAP + rb"(\d{1,5})\s")
_HEADER_BYTES = 4_096
"""Comments included."""


@dataclass(frozen=True, slots=True)
class _Header:
    pixels_at: int
    width: int
    height: int
    channels: int
    bytes_each: int

    @property
    def end(self) -> int:
        return self.pixels_at + self.width * self.height * self.channels * self.bytes_each


def size(raw: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    header = _header(raw)
    return header.width, header.height


def structure(raw: bytes) -> Structure:
    """Look whether all rows are in the file."""
    header = _header(raw)
    return stored_rows(raw, header.pixels_at, header.end)


def decode(raw: bytes, _structure: Structure) -> Samples:
    """Take the values as they are; of 16 bits the high byte comes first."""
    header = _header(raw)
    kind = np.dtype(np.uint8) if header.bytes_each == 1 else np.dtype(">u2")
    count = header.width * header.height * header.channels
    values = np.frombuffer(raw, kind, count, header.pixels_at).reshape(header.height, header.width, header.channels)
    ordered = values[:, :, 0] if header.channels == 1 else values[:, :, ::-1]
    return np.ascontiguousarray(ordered, np.uint8) if header.bytes_each == 1 else np.ascontiguousarray(ordered, np.uint16)


def _header(raw: bytes) -> _Header:
    found = _HEADER.match(raw[:_HEADER_BYTES])
    if found is None:
        raise FormatError(Reason.UNREADABLE, "is damaged (it has no header)")
    kind, width, height, largest = map(int, found.groups())
    if not width or not height or not 0 < largest < 65_536:
        raise FormatError(Reason.UNREADABLE, "is damaged (its header names a picture that PGM and PPM do not know)")
    if largest < 255:
        raise FormatError(Reason.UNSUPPORTED, f"has values up to {largest}", "write values up to 255, or 16 bits")
    return _Header(found.end(), width, height, 1 if kind == 5 else 3, 1 if largest == 255 else 2)
