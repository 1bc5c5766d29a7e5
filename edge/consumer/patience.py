"""How long each hole has stood still. A hole may fill by itself, because a box sends live verdicts first and its backlog after them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from edge.consumer.positions import Stream
from edge.consumer.spans import Span

LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True, slots=True)
class Hole:
    """`still_since` is of a monotonic clock; `asks` says how often it was asked for."""

    span: Span
    still_since: float
    asks: int = 0


class Patience:
    """The holes of all streams. `clock` gives seconds that only grow."""

    def __init__(self, patience_s: float, *, clock: Callable[[], float]) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self._holes: dict[Stream, list[Hole]] = {}

    @property
    def streams(self) -> Iterable[Stream]:
        """Those with a hole."""
        return tuple(self._holes)

    def see(self, stream: Stream, missing: Iterable[Span]) -> None:
        """Take what is missing now. A hole that has shrunk begins to stand still anew; one that has grown goes on."""
        now, before = self._clock(), self._holes.get(stream, [])
        lasts = [hole.span.last for hole in before]
        holes = []
        for span in missing:
            at = bisect_left(lasts, span.first)
            old = before[at] if at < len(before) and before[at].span.overlap(span) else None
            if old is None:
                holes.append(Hole(span, now))
            else:
                same = old.span.overlap(span) == old.span
                holes.append(Hole(span, old.still_since if same else now, old.asks))
        self._holes[stream] = holes
        if not holes:
            del self._holes[stream]

    def due(self, stream: Stream) -> list[Hole]:
        """The holes that have stood still long enough: `patience_s`, and after each time that they were asked for twice as long."""
        now = self._clock()
        return [hole for hole in self._holes.get(stream, []) if now - hole.still_since >= self._pause_s(hole.asks)]

    def asked(self, stream: Stream, span: Span) -> None:
        """Note that all holes within a span were asked for."""
        self._count(stream, span, 1)

    def refused(self, stream: Stream, span: Span) -> None:
        """Note that nobody looked for the holes within a span: as if they had not been asked for."""
        self._count(stream, span, -1)

    def restart(self) -> None:
        """Let all holes stand still anew: for a while nothing could have filled them."""
        now = self._clock()
        self._holes = {stream: [replace(hole, still_since=now) for hole in holes] for stream, holes in self._holes.items()}

    def _count(self, stream: Stream, span: Span, asks: int) -> None:
        now = self._clock()
        for at, hole in enumerate(self._holes.get(stream, [])):
            if hole.span.overlap(span) == hole.span:
                self._holes[stream][at] = Hole(hole.span, now, max(0, hole.asks + asks))

    def _pause_s(self, asks: int) -> float:
        return self._patience_s if asks == 0 else min(self._patience_s * 2 ** min(asks, 20), max(LONGEST_PAUSE_S, self._patience_s))
