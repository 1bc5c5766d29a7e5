"""A picture file to pixels: judged by its header first, so that a small file cannot claim gigabytes of memory."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.records import Pixels, Reason

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


class PictureError(EdgeError):
    """A file that is no healthy picture. `reason` is the code of the FAULT, `detail` one sentence for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_picture(path: Path, *, max_pixels: int, max_bytes: int) -> Pixels:
    """Read a file as pixels, uint8 (H, W, 3) BGR.

    16-bit pictures are read over their full range: 8, 10, 12, 14 or 16 bits, the fewest that hold the brightest pixel.

    Raises:
        PictureError: the file is missing, empty, too large, cut off, or no picture.
    """
    return decode_picture(read_file(path, max_bytes=max_bytes), name=path.name, max_pixels=max_pixels)


def decode_picture(raw: bytes, *, name: str, max_pixels: int) -> Pixels:
    """As `read_picture`, from bytes; `name` is for the error."""
    if not raw:
        raise PictureError(Reason.EMPTY, f"picture {name} is empty (0 bytes): look at what writes it")
    size = header_size(raw)
    if size is not None and size[0] * size[1] > max_pixels:
        raise PictureError(Reason.TOO_LARGE, _too_large(name, size, max_pixels))
    if _is_cut_off(raw):
        raise PictureError(Reason.UNREADABLE, f"picture {name} is cut off after {len(raw)} bytes: look at what writes it")
    try:
        decoded = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as err:
        raise PictureError(Reason.UNREADABLE, f"picture {name} cannot be decoded ({err.err}): replace the file") from err
    if decoded is None:
        raise PictureError(
            Reason.UNREADABLE, f"picture {name} is no picture that can be decoded ({len(raw)} bytes): remove or replace the file"
        )
    if decoded.shape[0] * decoded.shape[1] > max_pixels:
        raise PictureError(Reason.TOO_LARGE, _too_large(name, (decoded.shape[1], decoded.shape[0]), max_pixels))
    return _as_bgr(decoded, name)


def header_size(raw: bytes) -> tuple[int, int] | None:
    """Width and height that a PNG or JPEG claims; None of other formats or a broken header."""
    if raw.startswith(_PNG) and len(raw) >= 24:
        width, height = struct.unpack(">II", raw[16:24])
        return width, height
    if not raw.startswith(_JPEG):
        return None
    at = 2
    while at + 9 <= len(raw) and raw[at] == 0xFF:
        marker = raw[at + 1]
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack(">HH", raw[at + 5 : at + 9])
            return width, height
        alone = marker == 0xFF or 0xD0 <= marker <= 0xD7  # a fill byte or a marker without a length
        at += 1 if marker == 0xFF else 2 if alone else 2 + struct.unpack(">H", raw[at + 2 : at + 4])[0]
    return None


def read_file(path: Path, *, max_bytes: int) -> bytes:
    """The bytes of a picture file, at most `max_bytes`.

    Raises:
        PictureError: it is missing, larger, or no regular file.
    """
    try:
        # O_NONBLOCK: a named pipe in the folder must not hang the camera.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise PictureError(Reason.UNREADABLE, f"picture {path.name} is no regular file: remove it from the folder")
            raw = b"" if facts.st_size > max_bytes else file.read(max_bytes + 1)
    except OSError as err:
        raise PictureError(
            Reason.UNREADABLE, f"picture {path.name} cannot be read ({err.strerror}): look at the disk and its rights"
        ) from err
    if facts.st_size > max_bytes or len(raw) > max_bytes:
        detail = (
            f"picture {path.name} has {facts.st_size} bytes, at most {max_bytes} are read: raise camera.max_bytes or send smaller files"
        )
        raise PictureError(Reason.TOO_LARGE, detail)
    return raw


def _too_large(name: str, size: tuple[int, int], max_pixels: int) -> str:
    claimed = f"{size[0]}x{size[1]}"
    return f"picture {name} is {claimed} pixels, at most {max_pixels} in all are read: raise camera.max_pixels or send smaller pictures"


def _is_cut_off(raw: bytes) -> bool:
    """A JPEG whose last scan does not end, or a PNG without its end chunk: decoders fill the rest with grey and say nothing."""
    if raw.startswith(_PNG):
        return b"IEND" not in raw[-64:]
    if raw.startswith(_JPEG):
        # Inside a scan neither marker can occur: 0xFF is always followed by 0x00 or a restart marker there.
        return raw.find(_END_OF_IMAGE, max(0, raw.rfind(_START_OF_SCAN))) < 0
    return False


def _as_bgr(decoded: NDArray[np.generic], name: str) -> Pixels:
    if decoded.dtype == np.uint16:
        decoded = _full_range(decoded.astype(np.uint16, copy=False))
    if decoded.dtype != np.uint8:
        raise PictureError(Reason.UNREADABLE, f"picture {name} has pixels of type {decoded.dtype}, 8 or 16 bits are read: convert it")
    if decoded.ndim == 2:
        return np.repeat(decoded[:, :, None], 3, axis=2).astype(np.uint8, copy=False)
    channels = decoded.shape[2]
    if channels == 1:
        return np.repeat(decoded, 3, axis=2).astype(np.uint8, copy=False)
    return np.ascontiguousarray(decoded[:, :, :3], np.uint8)


def _full_range(decoded: NDArray[np.uint16]) -> NDArray[np.uint8]:
    brightest = int(decoded.max(initial=0))
    bits = next(bits for bits in (8, 10, 12, 14, 16) if brightest < 1 << bits)
    # In one pass: a float copy of 64 megapixels in colour would take 0.8 GB, and there would be three.
    return np.asarray(cv2.convertScaleAbs(decoded, alpha=255 / ((1 << bits) - 1)), np.uint8)
