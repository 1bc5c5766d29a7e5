"""A folder tree DOMAIN/CLASS/picture, or DOMAIN/CLASS/BLOCK/picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from export.texts.errors import TextsError
from export.texts.picture import Picture

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff"})
DEPTHS = (3, 4)
"""Parts of a path: domain, class, perhaps a block, file."""


def pictures_of_folder(folder: Path) -> list[Picture]:
    """The pictures of a folder tree, sorted by name; hidden files and folders do not count.

    A folder below a class is a block: the folders of one name in all classes of a domain hold neighbours.

    Raises:
        TextsError: it is no folder or holds no picture, or a picture lies at another depth.
    """
    if not folder.is_dir():
        msg = f"reading the pictures of {folder}: it is no folder: give a folder DOMAIN/CLASS/picture, a .csv or a .toml"
        raise TextsError(msg)
    pictures = [_picture(folder, name) for name in sorted(_names(folder))]
    if not pictures:
        msg = (
            f"reading the pictures of {folder}: it holds none: expected DOMAIN/CLASS/picture with the endings {', '.join(sorted(SUFFIXES))}"
        )
        raise TextsError(msg)
    return pictures


def _names(folder: Path) -> Iterator[str]:
    def refuse(err: OSError) -> None:
        msg = f"reading the pictures of {folder}: {err.filename} cannot be read ({err.strerror}): look at its rights"
        raise TextsError(msg) from err

    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        near = Path(place).relative_to(folder)
        yield from ((near / name).as_posix() for name in files if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES)


def _picture(folder: Path, name: str) -> Picture:
    parts = name.split("/")
    if len(parts) not in DEPTHS or not name.isprintable():
        what = "cannot be printed" if not name.isprintable() else f"lies in {len(parts) - 1} folders"
        msg = f"reading the pictures of {folder}: {name!r} {what}: expected DOMAIN/CLASS/picture or DOMAIN/CLASS/BLOCK/picture, or a CSV"
        raise TextsError(msg)
    domain, label, *block, _ = parts
    return Picture(folder / name, name, label, domain, None, f"{domain}/{block[0]}" if block else None)
