"""How long each hole has stood still. A hole may fill by itself, because a box sends live verdicts first and its backlog after them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from edge.consumer.positions import Stream
from edge.consumer.spans import Span, Spans, without

LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers that are missing, and were asked for together `asks` times.

    `still_since` is of a monotonic clock. `alone`: boxes do not have all numbers around it, so it is not asked for together with others.
    """

    span: Span
    still_since: float
    asks: int = 0
    alone: bool = False


class Patience:
    """The holes of all streams, in order. `clock` gives seconds that only grow."""

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
        now, gone = self._clock(), Spans(missing)
        before, holes = self._holes.get(stream, []), list[Hole]()
        for hole in before:
            arrived = gone.holes(hole.span)
            rest = Spans(arrived).holes(hole.span) if arrived else []
            holes += [replace(hole, span=part, still_since=now) for part in rest] if arrived else [hole]
        for span in without(gone, [hole.span for hole in before]):
            if holes and not holes[-1].asks and holes[-1].span.last + 1 == span.first:
                holes[-1] = replace(holes[-1], span=Span(holes[-1].span.first, span.last))
            else:
                holes.append(Hole(span, now))
        self._holes[stream] = sorted(holes, key=lambda hole: hole.span)
        if not holes:
            del self._holes[stream]

    def due(self, stream: Stream) -> list[Hole]:
        """The holes that have stood still long enough: `patience_s`, and after each time that they were asked for twice as long."""
        return [hole for hole in self._holes.get(stream, []) if self._is_due(hole)]

    def waits(self, stream: Stream, within: Span) -> bool:
        """Whether something of a span was asked for and may still come."""
        holes = self._holes.get(stream, [])
        return any(hole.asks and hole.span.overlap(within) and not self._is_due(hole) for hole in holes)

    def asked(self, stream: Stream, within: Span) -> None:
        """Note that all that is missing of a span was asked for."""
        self._change(stream, within, asks=1)

    def refused(self, stream: Stream, within: Span) -> None:
        """Note that nobody looked for a span: as if it had not been asked for."""
        self._change(stream, within, asks=-1)

    def not_whole(self, stream: Stream, within: Span) -> None:
        """Note that boxes do not have all of a span: its holes are to be asked for one by one, so that it shows which are lost."""
        self._change(stream, within, alone=True)

    def restart(self) -> None:
        """Let all holes stand still anew: for a while nothing could have filled them."""
        now = self._clock()
        self._holes = {stream: [replace(hole, still_since=now) for hole in holes] for stream, holes in self._holes.items()}

    def _change(self, stream: Stream, within: Span, *, asks: int = 0, alone: bool = False) -> None:
        """A hole of which only a part is within is cut."""
        now, holes = self._clock(), list[Hole]()
        for hole in self._holes.get(stream, []):
            part = hole.span.overlap(within)
            if part is not None:
                holes += [replace(hole, span=rest) for rest in without([hole.span], [part])]
                hole = Hole(part, now, max(0, hole.asks + asks), hole.alone or alone)  # noqa: PLW2901 -- the part of it
            holes.append(hole)
        self._holes[stream] = sorted(holes, key=lambda hole: hole.span)

    def _is_due(self, hole: Hole) -> bool:
        pause_s = min(self._patience_s * float(2 ** min(hole.asks, 20)), max(LONGEST_PAUSE_S, self._patience_s))
        return self._clock() - hole.still_since >= pause_s
