"""Sets of whole numbers that are mostly without gaps, kept as spans: which verdicts of an epoch have arrived, and what is missing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The numbers `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def overlap(self, other: Span) -> Span | None:
        """What both have."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Span(first, last) if first <= last else None


class Spans:
    """Grows by single numbers; neighbours grow together, so a stream without gaps is one span."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for span in sorted(spans):
            self._firsts.append(span.first)
            self._lasts.append(span.last)

    def __iter__(self) -> Iterator[Span]:
        return map(Span, self._firsts, self._lasts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def __len__(self) -> int:
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @property
    def highest(self) -> int:
        """0 while there is none."""
        return self._lasts[-1] if self._lasts else 0

    def copy(self) -> Spans:
        """A set of its own with the same numbers."""
        other = Spans()
        other._firsts, other._lasts = self._firsts.copy(), self._lasts.copy()
        return other

    def add(self, number: int) -> bool:
        """Take a number; False if it was there."""
        at = bisect_right(self._firsts, number)
        if at and number <= self._lasts[at - 1]:
            return False
        joins_left = at > 0 and self._lasts[at - 1] == number - 1
        joins_right = at < len(self._firsts) and self._firsts[at] == number + 1
        if joins_left and joins_right:
            self._lasts[at - 1] = self._lasts.pop(at)
            self._firsts.pop(at)
        elif joins_left:
            self._lasts[at - 1] = number
        elif joins_right:
            self._firsts[at] = number
        else:
            self._firsts.insert(at, number)
            self._lasts.insert(at, number)
        return True

    def holes(self, within: Span) -> list[Span]:
        """The numbers of `within` that are not here, in order."""
        found, begin = list[Span](), within.first
        for index in range(max(0, bisect_right(self._firsts, begin) - 1), len(self._firsts)):
            first, last = self._firsts[index], self._lasts[index]
            if first > within.last:
                break
            if first > begin:
                found.append(Span(begin, first - 1))
            begin = max(begin, last + 1)
        if begin <= within.last:
            found.append(Span(begin, within.last))
        return found


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """The parts of `spans` that are not in `taken`; each of the two is in order and does not overlap itself."""
    rest = Spans(taken)
    return [part for span in spans for part in rest.holes(span)]
