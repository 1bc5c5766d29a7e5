"""Bytes of picture files, sound and broken, made by hand where no writer would make them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def gradient(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A colourful picture (H, W, 3) that no gate calls blank."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack((across, down, 255 - across), axis=-1).astype(np.uint8)


def encoded(pixels: NDArray[Any], kind: str, **options: bool) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(**options: bool) -> bytes:
    return encoded(gradient(), "jpeg", **options)


def png() -> bytes:
    return encoded(gradient(), "png")


def jpeg_with_thumbnail() -> bytes:
    """A JPEG whose APP1 segment holds a whole small JPEG, as cameras write it into EXIF."""
    thumbnail = encoded(gradient(12, 16), "jpeg")
    body = b"Exif\x00\x00" + thumbnail
    whole = jpeg()
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + whole[2:]


def huge_png(side: int = 30_000) -> bytes:
    """A grey PNG of `side` x `side` black pixels (`side` a multiple of 100) in less than a megabyte."""
    packer = zlib.compressobj(9, wbits=-15)
    rows = 100 * (b"\x00" * (side + 1))
    block = packer.compress(rows) + packer.flush(zlib.Z_FULL_FLUSH)  # ends on a byte and looks back at nothing: may be repeated
    adler = struct.pack(">I", (side * (side + 1) % 65_521) << 16 | 1)
    data = b"\x78\xda" + block * (side // 100) + b"\x03\x00" + adler
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
        + _chunk(b"IDAT", data)
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
