"""A picture file to pixels: the one way in which a picture of a user becomes pixels, on the box, in proofs and in studies.

The header is judged first, so that a small file cannot claim gigabytes of memory; then the file's own structure, so that a damaged file is
never taken for a picture of a part; then the pixels are made as the station says.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from edge.errors import EdgeError
from edge.picture.formats.readable import format_of
from edge.picture.formats.structure import FormatError, Samples, Structure
from edge.picture.levels import eight_bits
from edge.picture.orientation import upright
from edge.records import Pixels, Reason
from firmware_config.station import Picture

PLAIN = Picture()
"""What a station says that says nothing: 8 bits, opaque, one page."""

MAX_PIXELS, MAX_BYTES = 64_000_000, 256_000_000
"""Limits of a picture for which no station names others."""

UNWRITTEN_SHARE = 0.02
"""A longer run of zeros in stored pixels was never written: a copy that reserves its length first, a lost block.

Of 2,624 real cells the darkest has a run of 0.7 %.
"""
_SMALLEST_RUN_BYTES = 64


class PictureError(EdgeError):
    """A file that is no healthy picture. `reason` is the code of the FAULT, `detail` one sentence for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_picture(
    path: Path, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES, picture: Picture = PLAIN, inside: Path | None = None
) -> Pixels:
    """Read a file as upright pixels, uint8 (H, W, 3) BGR; `picture` is the [picture] section of the station, `inside` as of `read_file`.

    Raises:
        PictureError: the file is missing, empty, too large, damaged, or a picture that the station does not allow.
    """
    with _told(path.name):
        return _finished(_samples(_read(path, max_bytes, inside), max_pixels, picture), picture)


def decode_picture(raw: bytes, *, name: str, max_pixels: int = MAX_PIXELS, picture: Picture = PLAIN) -> Pixels:
    """As `read_picture`, from bytes; `name` is for the error."""
    with _told(name):
        return _finished(_samples(raw, max_pixels, picture), picture)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say of which picture an error is."""
    try:
        yield
    except FormatError as err:
        raise PictureError(err.reason, f"picture {name} {err.what}") from err
    except cv2.error as err:
        raise PictureError(Reason.UNREADABLE, f"picture {name} cannot be decoded ({err.err}): replace the file") from err
    except MemoryError as err:
        detail = f"picture {name} needs more memory than there is: send smaller pictures or lower camera.max_pixels"
        raise PictureError(Reason.TOO_LARGE, detail) from err


def _samples(raw: bytes, max_pixels: int, picture: Picture) -> tuple[Samples, int]:
    """The decoded values and their orientation. The file's bytes are let go before anything else is made of them: both can be large."""
    if not raw:
        raise FormatError(Reason.EMPTY, "is empty (0 bytes)")
    kind = format_of(raw)
    width, height = kind.size(raw)
    _require_size(width, height, max_pixels)
    structure = kind.structure(raw)
    _require_one_page(raw, structure, kind.signatures, picture)
    _require_written(raw, structure, picture)
    samples = kind.decode(raw, structure)
    _require_all_rows(samples, width, height)
    return samples, structure.orientation


def _finished(decoded: tuple[Samples, int], picture: Picture) -> Pixels:
    samples, orientation = decoded
    pixels = upright(eight_bits(samples, picture), orientation)
    return pixels if pixels.ndim == 3 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)


def read_file(path: Path, *, max_bytes: int, inside: Path | None = None) -> bytes:
    """The bytes of a picture file, at most `max_bytes`; with `inside` only of a file that really lies below that folder.

    Raises:
        PictureError: it is missing, larger, or no regular file.
    """
    with _told(path.name):
        return _read(path, max_bytes, inside)


def _read(path: Path, max_bytes: int, inside: Path | None) -> bytes:
    try:
        # O_NONBLOCK: a named pipe in the folder must not hang the camera.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise FormatError(Reason.UNREADABLE, "is no regular file", "remove it from the folder")
            # What was opened is asked, not the name: a link may be put there between a look and the opening.
            if inside is not None and not Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(os.path.realpath(inside)):
                raise FormatError(Reason.UNREADABLE, "is a link that leads out of its folder", "name that folder as the camera's path")
            raw = b"" if facts.st_size > max_bytes else file.read(max_bytes + 1)
    except OSError as err:
        raise FormatError(Reason.UNREADABLE, f"cannot be read ({err.strerror})", "look at the disk and its rights") from err
    if facts.st_size > max_bytes or len(raw) > max_bytes:
        found = f"has {facts.st_size} bytes, at most {max_bytes} are read"
        raise FormatError(Reason.TOO_LARGE, found, "raise camera.max_bytes or send smaller files")
    return raw


def _require_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        found = f"is {width}x{height} pixels, at most {max_pixels} in all are read"
        raise FormatError(Reason.TOO_LARGE, found, "raise camera.max_pixels or send smaller pictures")


def _require_all_rows(samples: Samples, width: int, height: int) -> None:
    if samples.shape[:2] != (height, width):
        found = f"is damaged (it decodes to {samples.shape[1]}x{samples.shape[0]}, its header says {width}x{height})"
        raise FormatError(Reason.UNREADABLE, found)


def _require_one_page(raw: bytes, structure: Structure, signatures: tuple[bytes, ...], picture: Picture) -> None:
    """More than one picture, frame or page, in the format's own list or one file after the other, needs the station's word.

    Raises:
        FormatError: there are more, and the station does not say which to take.
    """
    pages = structure.pages + raw.startswith(signatures, structure.end)
    if pages > 1 and picture.pages == "refuse":
        advice = 'send one picture a file, or say [picture] pages = "first"'
        raise FormatError(Reason.UNSUPPORTED, f"holds {pages} pictures, frames or pages", advice)


def _require_written(raw: bytes, structure: Structure, picture: Picture) -> None:
    """Stored pixels without a checksum must not hold a long run of zeros.

    Raises:
        FormatError: they do, and the station does not allow it.
    """
    if structure.stored is None or picture.allow_black_rows:
        return
    start, end = structure.stored
    run = max(_SMALLEST_RUN_BYTES, int(UNWRITTEN_SHARE * (end - start)))
    at = raw.find(bytes(run), start, end)
    if at >= 0:
        found = f"seems unwritten from byte {at} on ({run} bytes or more of {end - start} are zero)"
        advice = "look at what writes it, or, if parts may be that black, say [picture] allow_black_rows = true"
        raise FormatError(Reason.UNREADABLE, found, advice)
