"""What happens to a file once its verdict is in the spool: it is left, moved or deleted. What fails is said and tried again."""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from edge.cameras.capture_factory import utc_now
from edge.cameras.folder.arrivals import Facts
from edge.records import Trouble
from firmware_config.cameras import FolderCamera as Settings
from firmware_config.write import sync_folder

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""Pause after a file that could not be moved or deleted, before the next is tried."""

TROUBLE = "file_not_moved"
"""The code of what is wrong while judged files stay where they are against the station's wish."""


class Disposal:
    """Moves or deletes judged files as the station says. A file that cannot be moved stays, and is not judged again."""

    def __init__(self, settings: Settings, *, station: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._station = station
        self._move_to = settings.move_to
        self._wanted = settings.after != "leave"
        self._monotonic = monotonic
        self._again_s = float("-inf")
        self._trouble: Trouble | None = None
        self._failed: set[Path] = set()
        self._numbers: dict[str, int] = {}
        """The last number that was given to a name which is taken."""

    @property
    def is_due(self) -> bool:
        """Whether judged files are to be moved or deleted now."""
        return self._wanted and self._monotonic() >= self._again_s

    def troubles(self) -> tuple[Trouble, ...]:
        """Why judged files stay where they are, empty while all is well; from any thread."""
        trouble = self._trouble
        return () if trouble is None else (trouble,)

    def dispose(self, judged: Mapping[Path, Facts]) -> list[Path]:
        """Move or delete the files that still are what was judged; returns those that are gone for good.

        At the first failure the rest waits. The next time a file that failed comes last, so that it does not hold up the others.
        """
        self._failed &= judged.keys()
        gone = []
        for path in sorted(judged, key=lambda path: path in self._failed):
            try:
                self._dispose(path, judged[path])
            except OSError as err:
                if isinstance(err, FileNotFoundError) and not path.exists():  # somebody else has taken it away
                    continue
                self._fail(path, err)
                break
            self._failed.discard(path)
            if not os.path.lexists(path):
                gone.append(path)
        if self._trouble is not None and not self._failed:
            log.info("judged files are moved or deleted again station=%s", self._station)
            self._trouble = None
        for folder in {path.parent for path in gone} | ({self._move_to} if gone and self._move_to else set()):
            with contextlib.suppress(OSError):  # network shares cannot always
                sync_folder(folder)
        return gone

    def _fail(self, path: Path, err: OSError) -> None:
        self._failed.add(path)
        self._again_s = self._monotonic() + RETRY_S
        doing = f"deleting the judged file {path}" if self._move_to is None else f"moving the judged file {path} to {self._move_to}"
        detail = f"{doing}: {err.strerror}: make room there or correct the rights; it stays and is not judged again"
        if self._trouble is None:
            log.warning("judged file stays station=%s: %s", self._station, detail)
            self._trouble = Trouble(TROUBLE, utc_now(), detail)
        else:
            self._trouble = Trouble(TROUBLE, self._trouble.since, detail)

    def _dispose(self, path: Path, facts: Facts) -> None:
        if _facts_of(path) != facts:  # written again meanwhile: it is judged first
            return
        if self._move_to is None:
            path.unlink()
            return
        target = self._free_name(path.name)
        try:
            path.rename(target)
        except OSError as err:
            if err.errno != errno.EXDEV:
                raise
            _move_across(path, target, facts)

    def _free_name(self, name: str) -> Path:
        """The name in the other folder, with a number where it is taken."""
        folder = self._move_to or Path()
        stem, suffix = Path(name).stem, Path(name).suffix
        for number in itertools.count(self._numbers.get(name, 0)):
            target = folder / (f"{stem}-{number}{suffix}" if number else name)
            if not os.path.lexists(target):
                if number:
                    self._numbers[name] = number
                return target
        raise AssertionError  # unreachable: numbers do not end


def _facts_of(path: Path) -> Facts:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _move_across(path: Path, target: Path, facts: Facts) -> None:
    """Move to another file system: after a power cut the picture is at one place at least, and whole."""
    temporary = target.with_name(f".{target.name}.part")
    try:
        with path.open("rb") as source, temporary.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())
        with contextlib.suppress(OSError):  # a file system that keeps no times
            os.utime(temporary, ns=(facts[1], facts[1]))
        if _facts_of(path) != facts:
            temporary.unlink()
            return
        temporary.rename(target)
        sync_folder(target.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    path.unlink()
