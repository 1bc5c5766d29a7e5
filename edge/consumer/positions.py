"""Which verdicts have arrived, by station and epoch, and from which number on none may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from edge.consumer.spans import Span, Spans


class Stream(NamedTuple):
    """Verdicts that are counted together."""

    station: str
    epoch: str


@dataclass(slots=True)
class Position:
    """Of one stream. `announced` is the highest number that the box said it has delivered; `last_at` is when a verdict came last."""

    stream: Stream
    baseline: int
    since: datetime
    announced: int = 0
    last_at: datetime | None = None
    received: Spans = field(default_factory=Spans)

    def missing(self) -> list[Span]:
        """The numbers from the baseline on that should have arrived by now and have not."""
        top = max(self.announced, self.received.highest)
        return self.received.holes(Span(self.baseline, top)) if self.baseline <= top else []

    def copy(self) -> Position:
        """One of its own, to be changed."""
        return Position(self.stream, self.baseline, self.since, self.announced, self.last_at, self.received.copy())


class Positions:
    """All streams. `from_start`: of the first epoch of a station, too, nothing may be missing from 1 on; else from the first contact on."""

    def __init__(self, known: Iterable[Position] = (), *, from_start: bool = False) -> None:
        self._positions = {position.stream: position for position in known}
        self._stations = {stream.station for stream in self._positions}
        self._from_start = from_start

    def __iter__(self) -> Iterator[Position]:
        return iter(self._positions.values())

    def get(self, stream: Stream) -> Position | None:
        """None: nothing is known of it."""
        return self._positions.get(stream)

    def baseline(self, stream: Stream, first_contact: int) -> int:
        """The number from which on a stream that is new is followed."""
        return 1 if self._from_start or stream.station in self._stations else first_contact

    def take(self, draft: Draft) -> None:
        """Take over what a draft has changed, once it is committed."""
        for position in draft.changed:
            self._positions[position.stream] = position
            self._stations.add(position.stream.station)


class Draft:
    """Changes to positions that are not committed yet."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._changed: dict[Stream, Position] = {}

    @property
    def changed(self) -> Iterable[Position]:
        """The positions as they will be."""
        return self._changed.values()

    def has(self, stream: Stream, seq: int) -> bool:
        """Whether that verdict has arrived."""
        position = self._changed.get(stream) or self._positions.get(stream)
        return position is not None and seq in position.received

    def receive(self, stream: Stream, seq: int, at: datetime) -> None:
        """Note that a verdict has arrived."""
        position = self._writable(stream, seq, at)
        position.received.add(seq)
        position.last_at = at

    def announce(self, stream: Stream, seq: int, at: datetime) -> None:
        """Note that a box says that it has delivered the verdict `seq`. At first contact all up to it are before our time."""
        known = self._changed.get(stream) or self._positions.get(stream)
        if known is None or known.announced < seq:
            self._writable(stream, seq + 1, at).announced = seq

    def _writable(self, stream: Stream, first_contact: int, at: datetime) -> Position:
        if stream not in self._changed:
            known = self._positions.get(stream)
            begun = any(other.station == stream.station for other in self._changed)
            baseline = 1 if begun else self._positions.baseline(stream, first_contact)
            self._changed[stream] = known.copy() if known else Position(stream, baseline, at)
        return self._changed[stream]
