"""Bytes of picture files, sound and broken, made by hand where no writer would make them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.demo.cells import load_cells

Option: TypeAlias = bool | int | str | bytes | dict[int, int]
"""Of Pillow's writers."""


def gradient(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A colourful picture (H, W, 3) that no gate calls blank."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack((across, down, 255 - across), axis=-1).astype(np.uint8)


def encoded(pixels: NDArray[Any], kind: str, **options: Option) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def several(pixels: Sequence[NDArray[Any]], kind: str, **options: Option) -> bytes:
    """One file with a frame or page for each picture."""
    first, *others = map(Image.fromarray, pixels)
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=others, **options)
    return buffer.getvalue()


def defective_cells(count: int) -> tuple[NDArray[np.uint8], ...]:
    """Grey pictures (300, 300) of real cells that all experts call defective, spread over the production runs."""
    cells = [cell for cell in load_cells() if cell.certain and cell.defective]
    return tuple(np.array(Image.open(cell.path).convert("L")) for cell in cells[:: len(cells) // count][:count])


def exif(orientation: int, *, order: str = "<") -> bytes:
    """An EXIF block from its TIFF header on, with one tag, the orientation."""
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return header + struct.pack(f"{order}HHHIHHI", 1, 274, 3, 1, orientation, 0, 0)


def jpeg(**options: Option) -> bytes:
    return encoded(gradient(), "jpeg", **options)


def png() -> bytes:
    return encoded(gradient(), "png")


def jpeg_with_thumbnail() -> bytes:
    """A JPEG whose APP1 segment holds a whole small JPEG, as cameras write it into EXIF."""
    thumbnail = encoded(gradient(12, 16), "jpeg")
    return with_segment(jpeg(), 0xE1, b"Exif\x00\x00" + exif(1) + thumbnail)


def with_segment(whole: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment at its beginning."""
    return whole[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + whole[2:]


def raw_png(rows: bytes, *, size: tuple[int, int], bits: int, colours: int, chunks: bytes = b"", tail: bytes = b"") -> bytes:
    """A PNG from its rows, each with its filter byte; `chunks` stand before the data, `tail` between the data and the end."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunks + png_chunk(b"IDAT", zlib.compress(rows)) + tail + png_chunk(b"IEND", b"")


def with_chunk(whole: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    return whole[:33] + png_chunk(kind, body) + whole[33:]


def huge_png(side: int = 30_000) -> bytes:
    """A grey PNG of `side` x `side` black pixels (`side` a multiple of 100) in less than a megabyte."""
    packer = zlib.compressobj(9, wbits=-15)
    rows = 100 * (b"\x00" * (side + 1))
    block = packer.compress(rows) + packer.flush(zlib.Z_FULL_FLUSH)  # ends on a byte and looks back at nothing: may be repeated
    adler = struct.pack(">I", (side * (side + 1) % 65_521) << 16 | 1)
    data = b"\x78\xda" + block * (side // 100) + b"\x03\x00" + adler
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
        + png_chunk(b"IDAT", data)
        + png_chunk(b"IEND", b"")
    )


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
