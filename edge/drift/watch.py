"""Which words have changed: what the last windows show is tested against the reference.

The last 2, 6 and 18 windows are each tested as one, without the most extreme of them: so a run of alike parts or one odd lot, which fills
one window, is not told, and a change that is small beside the lots is told when enough of it has been seen. Of all words the discoveries
are told (Benjamini and Hochberg).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from edge.drift.reference import Reference, reference_of
from edge.drift.statistics import discoveries, rare_events, two_sided
from edge.drift.windows import Window
from edge.drift.words import Word
from firmware_config.drift import Drift

SPANS = (2, 6, 18)
"""Windows that are tested as one: at three shifts a day 16 hours, two days, six days."""
FEWEST = 5
"""Parts with the word, or without it, that are there or would be expected: fewer are no evidence."""
BELL_CURVE = 5.0
"""Where fewer parts are expected, alike ones counted as one, the exact test for rare events counts too: z finds too much there."""
BACK = 6
"""A word is as before again when so many windows together, and the last two, are nearer to the reference than to what was told."""

News: TypeAlias = Literal["changed", "back"]


@dataclass(frozen=True, slots=True)
class Change:
    """A word whose share has changed since a time, or is as before again (`back`), told at `at` (UTC): now and in the reference."""

    news: News
    word: Word
    since: datetime
    at: datetime
    count: int
    parts: int
    before: int
    parts_before: int
    p_value: float


class Watch:
    """Takes the windows of a station one after the other. Windows of other models or settings begin a new reference."""

    def __init__(self, settings: Drift) -> None:
        self._settings = settings
        self._begin(None)

    def _begin(self, basis: str | None) -> None:
        self._basis = basis
        self._first: list[Window] = []
        self._reference: Reference | None = None
        self._last: deque[Window] = deque(maxlen=max(SPANS))
        self._standing: dict[Word, Change] = {}
        self._back_at: dict[Word, datetime] = {}

    @property
    def standing(self) -> tuple[Change, ...]:
        """The changes that last."""
        return tuple(self._standing.values())

    @property
    def reference_windows(self) -> int:
        """How many windows of the reference are there."""
        return len(self._first)

    def take(self, window: Window) -> tuple[Change, ...]:
        """Test what the last windows show, with one that is over; gives what is to be told, the surest first."""
        earliest = self._settings.reference_from
        if earliest is not None and window.start < earliest:
            return ()
        if window.basis != self._basis:
            self._begin(window.basis)
        if self._reference is None:
            self._first.append(window)
            if len(self._first) == self._settings.reference_windows:
                self._reference = reference_of(self._first)
            return ()
        self._last.append(window)
        changes = [*self._back(self._reference), *self._changed(self._reference)]
        return tuple(sorted(changes, key=lambda change: (change.p_value, change.word)))

    def _changed(self, reference: Reference) -> list[Change]:
        told = []
        for span in SPANS:
            if len(self._last) < span:
                break
            windows = list(self._last)[-span:]
            for word, sign, p_value in _discovered(windows, reference, self._settings):
                standing, back_at = self._standing.get(word), self._back_at.get(word)
                is_told = standing is not None and _sign(standing) == sign
                is_of_before = back_at is not None and windows[0].end <= back_at
                since = _since(word, sign, self._last, span, reference)
                if since and not is_told and not is_of_before:
                    self._standing[word] = _change("changed", word, since, reference, p_value)
                    told.append(self._standing[word])
        return told

    def _back(self, reference: Reference) -> list[Change]:
        told = []
        for word, standing in list(self._standing.items()):
            since_then = [window for window in self._last if window.end > standing.at][-BACK:]
            if len(since_then) >= 2 and all(_is_nearer(word, windows, standing) for windows in (since_then, since_then[-2:])):
                del self._standing[word]
                self._back_at[word] = since_then[-1].end
                told.append(_change("back", word, since_then[-2:], reference, 1.0))
        return told


def _discovered(windows: Sequence[Window], reference: Reference, settings: Drift) -> list[tuple[Word, int, float]]:
    """The words whose share has changed over these windows as one, with the sign of the change and the p-value."""
    tested: list[tuple[Word, int, float]] = []
    for word in sorted({*(word for window in windows for word in window.counts), *reference.counts}):
        share = reference.counts.get(word, 0) / reference.parts
        counts = [window.counts.get(word, 0) for window in windows]
        sign = 1 if sum(counts) > share * sum(window.parts for window in windows) else -1
        most = max(range(len(windows)), key=lambda at: sign * counts[at] / windows[at].parts)
        count = sum(counts) - counts[most]
        parts = sum(window.parts for window in windows) - windows[most].parts
        if not _is_evidence(count, parts, share):
            continue
        is_told = sign * (count / parts - share) > 0 and _matters(count, parts, reference.counts.get(word, 0), reference.parts, settings)
        # A change that does not matter is not told, however sure it is: as a word among the others it counts.
        tested.append((word, sign, _p_value(word, count, parts, len(windows) - 1, reference) if is_told else 1.0))
    found = discoveries([p_value for _, _, p_value in tested], settings.false_alarms_a_window / len(SPANS))
    return [each for each, is_found in zip(tested, found, strict=True) if is_found]


def _p_value(word: Word, count: float, parts: float, windows: int, reference: Reference) -> float:
    before, parts_before = float(reference.counts.get(word, 0)), float(reference.parts)
    variation, lasting = reference.variation(word), reference.lasting
    pooled = (count + before) / (parts + parts_before)
    steep = pooled * (1 - pooled)
    change = count / parts - before / parts_before
    # By how much the share moves where the odds of the word do: as it moves from the reference to these windows, not less.
    slope = max(steep, abs(change) / max(abs(_log_odds(count, parts, before, parts_before)), 1e-9))
    lots = variation.lots * lasting
    by_lots = slope**2 * lots / max(lasting, windows) + steep**2 * lots / reference.windows
    by_parts = variation.alike * steep * (1 / parts + 1 / parts_before)
    p_value = two_sided(change / math.sqrt(by_lots + by_parts), degrees=reference.degrees)
    if pooled > 0.5:
        count, before = parts - count, parts_before - before
    if before / parts_before * parts / variation.alike >= BELL_CURVE:
        return p_value
    return max(p_value, rare_events(*(each / variation.alike for each in (count, parts, before, parts_before))))


def _is_evidence(count: int, parts: int, share: float) -> bool:
    return max(count, parts * share) >= FEWEST and max(parts - count, parts * (1 - share)) >= FEWEST


def _matters(count: int, parts: int, before: int, parts_before: int, settings: Drift) -> bool:
    """Whether the change is large enough to be told."""
    is_large = abs(count / parts - before / parts_before) >= settings.smallest_change
    return is_large and abs(_log_odds(count, parts, before, parts_before)) >= math.log(settings.smallest_ratio)


def _since(word: Word, sign: int, last: Sequence[Window], span: int, reference: Reference) -> list[Window]:
    """The newest windows without a break that are nearer to what the span shows than to the reference; none: it is over."""
    windows = list(last)
    count, parts = _sum(word, windows[-span:])
    halfway = (count / parts + reference.counts.get(word, 0) / reference.parts) / 2
    first = len(windows)
    while first and sign * (windows[first - 1].counts.get(word, 0) / windows[first - 1].parts - halfway) > 0:
        first -= 1
    return windows[first:]


def _is_nearer(word: Word, windows: Sequence[Window], told: Change) -> bool:
    """Whether these windows are nearer to the reference than to what was told."""
    count, parts = _sum(word, windows)
    share, now, before = count / parts, told.count / told.parts, told.before / told.parts_before
    return abs(share - before) < abs(share - now)


def _sum(word: Word, windows: Sequence[Window]) -> tuple[int, int]:
    return sum(window.counts.get(word, 0) for window in windows), sum(window.parts for window in windows)


def _log_odds(count: float, parts: float, before: float, parts_before: float) -> float:
    """The logarithm of the ratio of the odds; half a part keeps it finite."""
    return math.log((count + 0.5) / (parts - count + 0.5) * (parts_before - before + 0.5) / (before + 0.5))


def _sign(change: Change) -> int:
    return 1 if change.count * change.parts_before > change.before * change.parts else -1


def _change(news: News, word: Word, windows: Sequence[Window], reference: Reference, p_value: float) -> Change:
    count, parts = _sum(word, windows)
    return Change(news, word, windows[0].start, windows[-1].end, count, parts, reference.counts.get(word, 0), reference.parts, p_value)
