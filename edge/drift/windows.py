"""Counts of words by window: a shift, or as many shifts as it takes to see enough parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone, tzinfo

from edge.drift.words import Word
from firmware_config.drift import Drift

MAX_WORDS = 5_000
"""Different words in a window; a closed vocabulary of thousands of words that are said at random must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Window:
    """What was said from `start` to `end` (UTC): of so many described `parts`, how many had each word.

    `basis` names the models and settings that the words came from: the words of different ones are not compared.
    """

    start: datetime
    end: datetime
    basis: str
    parts: int
    counts: dict[Word, int]


@dataclass(slots=True)
class OpenWindow:
    """A window that is being counted."""

    start: datetime
    end: datetime
    basis: str
    parts: int = 0
    counts: Counter[Word] = field(default_factory=Counter)

    def add(self, words: Iterable[Word]) -> None:
        """Count one part."""
        self.parts += 1
        for word in words:
            if word in self.counts or len(self.counts) < MAX_WORDS:
                self.counts[word] += 1

    def closed(self) -> Window:
        """What was counted."""
        return Window(self.start, self.end, self.basis, self.parts, dict(self.counts))


class Counting:
    """Sorts the parts of one station into windows by the wall clock of the box. `zone` is that of its shifts, None the system's.

    A window with fewer parts than `min_parts` goes on through the next one. A part that is older than the window (a clock that went
    back) counts in it. A window that ends more than a whole one later than this shift was begun or went on under a clock that was ahead:
    it ends with this shift. Other models or settings begin a new window, and what was counted of an unfinished one is dropped.
    """

    def __init__(self, settings: Drift, *, zone: tzinfo | None = None, current: OpenWindow | None = None) -> None:
        self.settings = settings
        self.current = current
        self._zone = zone

    def add(self, at: datetime, words: Iterable[Word], basis: str) -> Window | None:
        """Count a part captured at a time; gives the window before it, if that is over."""
        ended = self.look(at)
        if self.current is not None and self.current.basis != basis:
            self.current = None
        if self.current is None:
            start, end = bounds(at, self.settings, zone=self._zone)
            self.current = OpenWindow(start, end, basis)
        self.current.add(words)
        return ended

    def look(self, now: datetime) -> Window | None:
        """The window that is over by now, with enough parts; it goes on where it has too few."""
        current = self.current
        if current is None:
            return None
        if now < current.end:
            self._correct(current, now)
            return None
        if current.parts >= self.settings.min_parts:
            self.current = None
            return current.closed()
        current.end = bounds(now, self.settings, zone=self._zone)[1]
        return None

    def _correct(self, current: OpenWindow, now: datetime) -> None:
        """Else it would last until the clock is there, perhaps for years, and nothing would be told."""
        start, end = bounds(now, self.settings, zone=self._zone)
        if current.end - end > timedelta(hours=self.settings.window_hours):
            current.start, current.end = min(current.start, start), end


def bounds(at: datetime, settings: Drift, *, zone: tzinfo | None = None) -> tuple[datetime, datetime]:
    """The beginning and the end (UTC) of the shift that a time falls into."""
    local = at.astimezone(zone)
    first = datetime.combine(local.date(), time(settings.shift_start_hour), local.tzinfo)
    length = timedelta(hours=settings.window_hours)
    start = first + ((local - first) // length) * length
    return start.astimezone(timezone.utc), (start + length).astimezone(timezone.utc)
