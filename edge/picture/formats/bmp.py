"""BMP without compression: 8 bits with a palette, 24 bits, 32 bits. It has no checksum.

Source: Microsoft, BITMAPINFOHEADER, BITMAPV4HEADER and BITMAPV5HEADER.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.picture.formats.structure import FormatError, Samples, Structure, stored_rows
from edge.records import Reason

SIGNATURE = b"BM"

_FILE_HEADER_BYTES = 14
_SMALLEST_HEADER_BYTES = 40
_HEADER_WITH_ALPHA_BYTES = 56
_PLAIN, _BIT_FIELDS = 0, 3
_BGR_MASKS = (0xFF0000, 0xFF00, 0xFF)
_ALPHA_MASK = 0xFF000000


@dataclass(frozen=True, slots=True)
class _Header:
    pixels_at: int
    palette_at: int
    width: int
    height: int
    bottom_up: bool
    bits: int
    colours: int
    alpha: bool

    @property
    def stride_bytes(self) -> int:
        """Rows are filled up to four bytes."""
        return (self.width * self.bits // 8 + 3) // 4 * 4

    @property
    def end(self) -> int:
        return self.pixels_at + self.stride_bytes * self.height


def size(raw: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    header = _header(raw)
    return header.width, header.height


def structure(raw: bytes) -> Structure:
    """Look whether all rows are in the file."""
    header = _header(raw)
    return stored_rows(raw, header.pixels_at, header.end)


def decode(raw: bytes, _structure: Structure) -> Samples:
    """Take the rows as they are; a fourth byte without a mask of its own means nothing."""
    header = _header(raw)
    rows = np.frombuffer(raw, np.uint8, header.end - header.pixels_at, header.pixels_at).reshape(header.height, header.stride_bytes)
    rows = rows[::-1] if header.bottom_up else rows
    values = rows[:, : header.width * header.bits // 8].reshape(header.height, header.width, -1)
    if header.bits == 8:
        return _coloured(values[:, :, 0], np.frombuffer(raw, np.uint8, header.colours * 4, header.palette_at).reshape(-1, 4))
    return np.ascontiguousarray(values if header.alpha else values[:, :, :3])


def _header(raw: bytes) -> _Header:
    if len(raw) < _FILE_HEADER_BYTES + _SMALLEST_HEADER_BYTES:
        raise FormatError(Reason.UNREADABLE, f"is cut off after {len(raw)} bytes")
    pixels_at, header_bytes, width, signed_height, planes, bits, compression = struct.unpack_from("<IIiiHHI", raw, 10)
    if header_bytes < _SMALLEST_HEADER_BYTES:
        raise FormatError(Reason.UNSUPPORTED, "is a BMP with the short header of OS/2", "save it as PNG")
    height = abs(signed_height)
    if width <= 0 or not height or planes != 1 or pixels_at < _FILE_HEADER_BYTES + header_bytes:
        raise FormatError(Reason.UNREADABLE, "is damaged (its header names a picture that BMP does not know)")
    masks = struct.unpack_from("<4I", raw.ljust(70, b"\x00"), 54) if compression == _BIT_FIELDS else (*_BGR_MASKS, 0)
    alpha = header_bytes >= _HEADER_WITH_ALPHA_BYTES and bits == 32 and masks[3] == _ALPHA_MASK
    if bits not in {8, 24, 32} or compression not in {_PLAIN, _BIT_FIELDS} or (masks[:3] != _BGR_MASKS):
        raise FormatError(
            Reason.UNSUPPORTED, f"is a BMP of {bits} bits, compression {compression}", "write 8, 24 or 32 bits without compression, or PNG"
        )
    colours = (struct.unpack_from("<I", raw, 46)[0] or 256) if bits == 8 else 0
    palette_at = _FILE_HEADER_BYTES + header_bytes
    if colours > 256 or palette_at + 4 * colours > min(pixels_at, len(raw)):
        raise FormatError(Reason.UNREADABLE, f"is damaged (its palette of {colours} colours is not there)")
    return _Header(pixels_at, palette_at, width, height, signed_height > 0, bits, colours, alpha)


def _coloured(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> Samples:
    if int(indices.max(initial=0)) >= len(palette):
        raise FormatError(Reason.UNREADABLE, f"is damaged (a pixel has a colour outside of its palette of {len(palette)})")
    bgr = palette[:, :3]
    if (bgr == bgr[:, :1]).all():
        grey = bgr[:, 0]
        return np.ascontiguousarray(indices if (grey == np.arange(len(grey))).all() else grey[indices])
    return np.ascontiguousarray(bgr[indices])
