"""The pictures that people judge: found in a folder, checked before anybody answers, and shown under a name that tells nothing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.picture.decode import PictureError, read_picture
from export.agreement.errors import RatingsError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff"})
NO_VIEWER = "none"
VIEWER_STOP_S = 2.0
BLOCK_COLUMNS = 72
RESET = "\x1b[0m"


def pictures_in(folder: Path) -> tuple[str, ...]:
    """The pictures of a folder and the folders below it, as paths relative to it, sorted. Hidden ones do not count.

    Raises:
        RatingsError: it is no folder or holds fewer than two pictures, or a picture is damaged or has a name that no CSV can hold.
    """
    if not folder.is_dir():
        msg = f"reading the pictures of {folder}: it is no folder: give the folder of the parts' pictures"
        raise RatingsError(msg)
    found = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    names = [path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)]
    if len(names) < 2:
        msg = f"reading the pictures of {folder}: it holds {len(names)}: put one picture of each part there, at least 2, better 50"
        raise RatingsError(msg)
    for name in names:
        if not name.isprintable() or name != name.strip():
            msg = f"reading the pictures of {folder}: the name {name!r} cannot stand in a CSV: rename the file"
            raise RatingsError(msg)
        pixels_of(folder / name)
    return tuple(names)


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """Pixels uint8 (H, W, 3) BGR.

    Raises:
        RatingsError: it is damaged or not there.
    """
    try:
        return read_picture(path)
    except PictureError as err:
        msg = f"reading {path}: {err.detail}: take it out of the study or replace it"
        raise RatingsError(msg) from err


def viewer_of(wish: str | None, environment: Mapping[str, str]) -> str | None:
    """The program that shows pictures: the one that is wished for, else xdg-open where there is a display, else none.

    Raises:
        RatingsError: the program that is wished for is not there.
    """
    if wish == NO_VIEWER:
        return None
    if wish is None:
        return shutil.which("xdg-open") if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY") else None
    program = shutil.which(wish)
    if program is None:
        msg = f"showing pictures with {wish}: there is no such program: install it, or give --viewer {NO_VIEWER}"
        raise RatingsError(msg)
    return program


@contextmanager
def shown(path: Path, number: int, viewer: str | None) -> Iterator[Path]:
    """Show a picture until the block ends; gives the path of a copy whose name tells neither its class nor that it was there before.

    Raises:
        RatingsError: it cannot be copied, or the viewer cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="kotoba-agreement-") as folder:
        copy = Path(folder) / f"picture-{number}{path.suffix.lower()}"
        process = None
        try:
            shutil.copyfile(path, copy)
            if viewer is not None:
                quiet = subprocess.DEVNULL
                process = subprocess.Popen([viewer, str(copy)], stdin=quiet, stdout=quiet, stderr=quiet)
        except OSError as err:
            msg = f"showing {path}: {err.strerror}: look at the disk and at the viewer, or give --viewer {NO_VIEWER}"
            raise RatingsError(msg) from err
        try:
            yield copy
        finally:
            if process is not None:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(VIEWER_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def can_show_blocks(out: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a terminal shows coloured half blocks."""
    colours = environment.get("COLORTERM", "") in {"truecolor", "24bit"}
    return colours and out.isatty() and (out.encoding or "").lower().replace("-", "") == "utf8"


def blocks(pixels: NDArray[np.uint8]) -> str:
    """A coarse picture for a terminal: two pixels above each other in each character."""
    columns, lines = shutil.get_terminal_size()
    height, width = pixels.shape[:2]
    scale = min(min(columns - 1, BLOCK_COLUMNS) / width, max(2, 2 * (lines - 8)) / height)
    size = (max(1, round(width * scale)), max(2, 2 * round(height * scale / 2)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)[:, :, ::-1].tolist()
    rows = []
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        cells = ["\x1b[38;2;{};{};{};48;2;{};{};{}m▀".format(*a, *b) for a, b in zip(upper, lower, strict=True)]
        rows.append("".join(cells) + RESET)
    return "\n".join(rows)
