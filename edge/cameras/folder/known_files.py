"""Which files of a watched folder were judged: before the start, as the spool knows, or since.

A name and its bytes are one picture for as long as the file stays in the folder. So a file that was only touched is not judged again, and
one that was written again with other bytes is. A file that was gone counts as the same only if it comes back as it was: a share that was
mounted again. The same bytes written again after that are another part, or a camera that is frozen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Container

from edge.cameras.folder.arrivals import Facts
from edge.errors import SpoolError
from edge.interfaces import JudgedFiles
from edge.records import PictureFile

log = logging.getLogger(__name__)


class KnownFiles:
    """What is known of the files of one folder, by their names."""

    def __init__(self, judged: JudgedFiles, *, station: str) -> None:
        self._station = station
        self._judged = judged
        self._handled: dict[str, Facts] = {}
        self._given: dict[str, PictureFile] = {}
        """What was given since the start: its inspection may not be committed yet."""
        self._cannot_note = False
        self._written_again: set[str] = set()
        """Closed or renamed into place since it was read: to be read again, even with the same size and time."""

    def is_new(self, name: str, facts: Facts) -> bool:
        """Whether a file has to be read: it was never judged, or has changed since."""
        if name in self._written_again:
            return True
        if name in self._handled:
            return self._handled[name] != facts
        known, is_gone = self._find(name)
        if known is None or is_gone or (known.size_bytes, known.mtime_ns) != facts:
            return True
        self._handled[name] = facts
        return False

    def take(self, file: PictureFile) -> bool:
        """Take a file that was read; True if it is a picture to judge, False if it is the one that was judged under its name."""
        is_judged = self._is_judged(file)
        self._handled[file.name] = (file.size_bytes, file.mtime_ns)
        self._written_again.discard(file.name)
        if not is_judged:
            self._given[file.name] = file
        return not is_judged

    def write_again(self, name: str) -> None:
        """Take that a file was closed by a writer or renamed into place."""
        self._written_again.add(name)

    def look_again(self) -> None:
        """Take that changes may have been missed: each file is compared with what was judged."""
        self._handled.clear()

    def committed(self, name: str) -> Facts | None:
        """Size and time of a file whose inspection is in the spool, None where it is not, or the file has changed since."""
        facts = self._handled.get(name)
        if facts is None or name in self._written_again:
            return None
        known, is_gone = self._find(name)
        if known is None or is_gone:
            return None
        given = self._given.get(name, known)
        return facts if given == known or (known.sha256 is not None and given.sha256 == known.sha256) else None

    def keep(self, there: Container[str]) -> None:
        """Take that all other files are gone."""
        self.forget([name for name in {*self._judged.names(), *self._handled, *self._given, *self._written_again} if name not in there])

    def forget(self, gone: Collection[str], *, for_good: bool = False) -> None:
        """Take that these files are gone, `for_good` if the box itself moved or deleted them."""
        for name in gone:
            self._handled.pop(name, None)
            self._given.pop(name, None)
            self._written_again.discard(name)
        if gone:
            self._remember(lambda: self._judged.forget(gone) if for_good else self._judged.note_gone(gone))

    def _find(self, name: str) -> tuple[PictureFile | None, bool]:
        """A judged file, and whether it was gone since. What cannot be read is not known: a second verdict is better than none."""
        try:
            return self._judged.find(name), self._judged.is_gone(name)
        except SpoolError:  # the status says so: nothing can be committed either
            return None, False

    def _is_judged(self, file: PictureFile) -> bool:
        given = self._given.get(file.name)
        known, was_gone = self._find(file.name) if given is None else (given, False)
        if known is None:
            return False
        same_time = (known.size_bytes, known.mtime_ns) == (file.size_bytes, file.mtime_ns)
        if file.sha256 is None or known.sha256 != file.sha256:
            return file.sha256 is known.sha256 and same_time and file.name not in self._written_again
        if was_gone and not same_time:
            return False
        if was_gone or not same_time:
            self._remember(lambda: self._judged.renew(file))
        return True

    def _remember(self, write: Callable[[], None]) -> None:
        """Write to the memory of judged files. Where that fails, a later look or the next start makes up for it."""
        try:
            write()
        except SpoolError as err:
            if not self._cannot_note:
                log.warning("judged files cannot be noted station=%s error=%r", self._station, str(err))
            self._cannot_note = True
        else:
            self._cannot_note = False
