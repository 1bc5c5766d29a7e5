"""The rendered tree: a folder that mirrors the file system, with the files that a box shall have."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from firmware_config.errors import ApplyError
from firmware_config.regular_file import read_limited

MAX_FILES, MAX_FILE_BYTES = 2_000, 1_000_000
"""A box needs some dozens, of a page or two each."""

NOT_OURS = ("var/lib/kotoba", "proc", "sys", "dev", "run")
"""What a tree must not write: the state of the box, among which `apply` keeps its own, and what is no disk."""


SECRETS = "etc/kotoba/credentials/"
"""No other user may read what lies there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as it shall be: its content, and its permission bits."""

    content: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Tree:
    """Files by their path from the root, such as "etc/kotoba/environment", and the mode of each folder of the tree."""

    files: dict[str, Wanted]
    folders: dict[str, int]


def read_tree(folder: Path) -> Tree:
    """Read a rendered tree whole.

    Raises:
        ApplyError: it is no folder, is empty or too large, or holds something else than files and folders with safe permissions.
    """
    if not folder.is_dir():
        msg = f"tree {folder}: there is no such folder: make it with `kotoba-config render BOX.toml --root {folder}`"
        raise ApplyError(msg)
    files: dict[str, Wanted] = {}
    folders: dict[str, int] = {}
    try:
        for place, names, leaves in os.walk(folder, onerror=_fail):
            for name in sorted([*names, *leaves]):
                path = Path(place, name)
                where = str(PurePosixPath(path.relative_to(folder)))
                mode = path.lstat().st_mode
                _require_safe(where, mode)
                if stat.S_ISDIR(mode):
                    folders[where] = stat.S_IMODE(mode)
                else:
                    files[where] = Wanted(read_limited(path, MAX_FILE_BYTES), stat.S_IMODE(mode))
                if len(files) > MAX_FILES:
                    msg = f"tree {folder} holds more than {MAX_FILES} files: give a folder that `kotoba-config render` has made"
                    raise ApplyError(msg)
    except OSError as err:
        msg = f"tree {folder}: {err.filename} cannot be read ({err.strerror}): give a folder that `kotoba-config render` has made"
        raise ApplyError(msg) from err
    if not files:
        msg = f"tree {folder} holds no file: give a folder that `kotoba-config render` has made"
        raise ApplyError(msg)
    return Tree(dict(sorted(files.items())), dict(sorted(folders.items())))


def _require_safe(where: str, mode: int) -> None:
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        msg = f"tree: {where} is a link or a device: a tree holds files and folders only"
        raise ApplyError(msg)
    if mode & (stat.S_ISUID | stat.S_IWOTH) or (stat.S_ISREG(mode) and mode & stat.S_ISGID):
        msg = f"tree: {where} has the permissions {stat.S_IMODE(mode):04o}, with which others could change it: take them away"
        raise ApplyError(msg)
    if where.startswith(SECRETS) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"tree: {where} is a secret with the permissions {stat.S_IMODE(mode):04o}, with which others could read it: take them away"
        raise ApplyError(msg)
    if any(where == taken or where.startswith(f"{taken}/") for taken in NOT_OURS):
        msg = f"tree: {where} lies where no settings do: a tree must not hold {', '.join(NOT_OURS)}"
        raise ApplyError(msg)
    if not where.isprintable():
        msg = f"tree: the name {where!r} holds a control character: take it away"
        raise ApplyError(msg)


def _fail(err: OSError) -> None:
    raise err
