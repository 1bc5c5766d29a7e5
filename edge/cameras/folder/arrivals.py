"""Which files of a watched folder are whole: closed by their writers, or unchanged for long enough.

A copy may reserve its full length first, so the size alone says nothing. A file that is seen to be written to is not whole before its
writer closes it, however long it pauses. Where nothing is reported (network shares, files from before the start, hard links) a file is
whole when its size and time have stood still.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from edge.cameras.folder.inotify import Happened

Facts: TypeAlias = tuple[int, int]
"""Size in bytes and time of the last change in ns."""


@dataclass(slots=True)
class _Arrival:
    facts: Facts
    changed_s: float
    closed: bool = False
    closed_bytes: int | None = None
    """The size at which its writer closed it, None while nobody is known to have."""
    is_open: bool = False
    told: bool = False


class Arrivals:
    """The files of a folder as far as they have arrived. Times are seconds of one monotonic clock."""

    def __init__(self, *, stand_still_s: float, unfinished_s: float) -> None:
        self._stand_still_s = stand_still_s
        self._unfinished_s = unfinished_s
        self._files: dict[str, _Arrival] = {}

    def see(self, there: Mapping[str, Facts], now_s: float) -> None:
        """Take what the whole folder holds now; what is not in it has gone."""
        for name, facts in there.items():
            self.see_file(name, facts, now_s)
        for name in self._files.keys() - there.keys():
            del self._files[name]

    def see_file(self, name: str, facts: Facts, now_s: float) -> None:
        """Take what one file is now."""
        known = self._files.get(name)
        if known is None:
            self._files[name] = _Arrival(facts, now_s)
        elif known.facts != facts:
            known.facts, known.changed_s, known.closed, known.told = facts, now_s, False, False

    def report(self, name: str, happened: Happened, facts: Facts | None, now_s: float) -> None:
        """Take what was reported of a file; `facts` are those of now, None if it is gone."""
        if facts is None or happened is Happened.MOVED_AWAY:
            self._files.pop(name, None)
            return
        self.see_file(name, facts, now_s)
        arrival = self._files[name]
        if happened is Happened.WRITTEN:
            arrival.is_open, arrival.closed, arrival.changed_s, arrival.told = True, False, now_s, False
            arrival.closed_bytes = None
        elif happened is Happened.TOUCHED:  # many programs set the time of a file after they have closed it
            arrival.closed = arrival.closed or (facts[0] > 0 and facts[0] == arrival.closed_bytes)
        else:
            # Some writers make an empty file, close it and open it again: only a file with content is whole at once.
            arrival.is_open, arrival.closed, arrival.closed_bytes = False, facts[0] > 0, facts[0]

    def forget(self, gone: Iterable[str]) -> None:
        """Take that these files are gone: nothing reports a file that is deleted."""
        for name in gone:
            self._files.pop(name, None)

    def lose_reports(self) -> None:
        """Take that some reports were lost: every file must stand still again."""
        for arrival in self._files.values():
            arrival.closed, arrival.is_open, arrival.closed_bytes = False, False, None

    def facts(self, name: str) -> Facts | None:
        """What a file was when it was last seen, None if it is not there."""
        arrival = self._files.get(name)
        return None if arrival is None else arrival.facts

    def names(self) -> list[str]:
        """The names of all files that are there, whole or not."""
        return list(self._files)

    def is_whole(self, name: str, now_s: float) -> bool:
        """Whether a file may be read."""
        arrival = self._files.get(name)
        if arrival is None or arrival.is_open:
            return False
        return arrival.closed or now_s - arrival.changed_s >= self._stand_still_s

    def unfinished(self, now_s: float) -> list[str]:
        """Files whose writer has stopped without closing them, each named once until it goes on."""
        late = [
            (name, arrival)
            for name, arrival in self._files.items()
            if arrival.is_open and not arrival.told and now_s - arrival.changed_s >= self._unfinished_s
        ]
        for _, arrival in late:
            arrival.told = True
        return sorted(name for name, _ in late)
