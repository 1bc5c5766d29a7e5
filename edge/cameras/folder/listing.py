"""The files of a folder that are pictures by their names. What is none is left alone, counted, and logged once for each kind of name."""

from __future__ import annotations

import fnmatch
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

MAX_LOGGED_KINDS = 20
"""Some programs give each temporary file an ending of its own: after this many kinds the log has seen enough."""

_WILDCARD = re.compile(r"[*?\[]")
_ANY_DEPTH = "**"
_Pattern = tuple[re.Pattern[str] | None, ...]
"""One expression for each part of a path; None stands for any number of folders."""


@dataclass(slots=True)
class Contents:
    """What a folder holds: pictures by their names, in order, and the folders that were read."""

    pictures: list[str] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)


class Listing:
    """Reads the names in a folder. A link that leads out of the folder is left alone, and linked folders are never read."""

    def __init__(self, root: Path, patterns: Sequence[str], *, station: str, on_left_alone: Callable[[], None] = lambda: None) -> None:
        self._root = root
        self._patterns = tuple((pattern.startswith("."), _compiled(pattern)) for pattern in patterns)
        self._depth = max(_depth(pattern) for pattern in patterns)
        self._chooses = any(map(_WILDCARD.search, patterns))
        self._on_left_alone = on_left_alone
        self._left_alone: set[str] = set()
        self._logged: set[str] = set()
        self._station = station

    def read(self) -> Contents:
        """Read the folder, with sub-folders where a pattern asks for them.

        Raises:
            OSError: the folder or a sub-folder cannot be read.
        """
        contents = Contents()
        left_alone: set[str] = set()
        for name, kind in self._files(self._root, "", contents.folders):
            if kind is None:
                contents.pictures.append(name)
            elif self._chooses:
                left_alone.add(name)
                if name not in self._left_alone:
                    self._leave_alone(name, kind)
        self._left_alone = left_alone
        contents.pictures.sort(key=lambda name: name.split("/"))
        return contents

    def takes(self, name: str) -> bool:
        """Whether a file of this name below the folder is a picture by its name."""
        parts = name.split("/")
        hidden = any(part.startswith(".") for part in parts)
        return any((dotted or not hidden) and _matches(parts, pattern) for dotted, pattern in self._patterns)

    def _files(self, folder: Path, prefix: str, read: list[Path]) -> Iterator[tuple[str, str | None]]:
        """Each file below `folder` with the kind of a name that is left alone, None for a picture."""
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
        except FileNotFoundError:
            if prefix:  # a sub-folder that went while its parent was read
                return
            raise
        read.append(folder)
        for entry in listed:
            name = prefix + entry.name
            if entry.is_dir():
                if name.count("/") >= self._depth:
                    continue
                if entry.is_symlink():
                    yield name, "linked folder"
                else:
                    yield from self._files(folder / entry.name, f"{name}/", read)
            elif not self.takes(name):
                yield name, _kind(entry.name)
            elif entry.is_symlink() and not self._is_inside(entry.path):
                yield name, "link out of the folder"
            else:
                yield name, None

    def _is_inside(self, path: str) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._root))

    def _leave_alone(self, name: str, kind: str) -> None:
        self._on_left_alone()
        if kind not in self._logged and len(self._logged) < MAX_LOGGED_KINDS:
            self._logged.add(kind)
            log.warning("left alone station=%s folder=%s kind=%r first=%r", self._station, self._root, kind, name)


def _kind(name: str) -> str:
    """What files that are no pictures are grouped by: the ending, or the whole name where there is none."""
    return "~" if name.endswith("~") else Path(name).suffix.lower() or name


def _compiled(pattern: str) -> _Pattern:
    # A name that is given without a wildcard is one file; on Linux `A.png` and `a.png` are two.
    flags = re.IGNORECASE if _WILDCARD.search(pattern) else 0
    return tuple(None if part == _ANY_DEPTH else re.compile(fnmatch.translate(part), flags) for part in pattern.split("/"))


def _depth(pattern: str) -> float:
    """How many folders deep a pattern reaches."""
    parts = pattern.split("/")
    return float("inf") if _ANY_DEPTH in parts else len(parts) - 1


def _matches(parts: Sequence[str], pattern: _Pattern) -> bool:
    if not pattern:
        return not parts
    if pattern[0] is None:
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and pattern[0].match(parts[0]) is not None and _matches(parts[1:], pattern[1:])
