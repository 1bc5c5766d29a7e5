"""Gaps from the moment on at which they are worth asking for, until they are filled or lost for good."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from edge.consumer.asking import Asking, Outcome, Request
from edge.consumer.gaps import Gap, GapState, asked, fill, lost, record, refused
from edge.consumer.messages import Answer
from edge.consumer.patience import Patience
from edge.consumer.positions import Positions, Stream
from edge.consumer.spans import Span, without
from edge.consumer.store import Store

log = logging.getLogger("kotoba.consume")


class Recovery:
    """Knows the gaps of all streams and whom to ask. Only `tick` writes; `clock` gives seconds that only grow."""

    def __init__(self, gaps: Iterable[Gap], *, patience_s: float, clock: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._patience = Patience(patience_s, clock=clock)
        self._asking = Asking(self._patience, clock=clock)
        self._now = now
        self._outcomes: list[Outcome] = []
        self._alone: set[str] = set()
        self._refusal = ""
        self._gaps: dict[Stream, list[Gap]] = defaultdict(list)
        self.load(gaps)

    def load(self, gaps: Iterable[Gap]) -> None:
        """Take what the database holds in place of what was known, and be patient anew."""
        self._gaps.clear()
        for gap in gaps:
            self._gaps[gap.stream].append(gap)
        self._patience.restart()

    def restart(self) -> None:
        """Be patient anew: for a while nothing could arrive."""
        self._patience.restart()

    def heard(self, box: str, stations: Iterable[str]) -> None:
        """Take what a box says of itself."""
        self._asking.heard(box, stations)

    def answered(self, box: str, answer: Answer) -> None:
        """Take a box's answer; written down with the next tick."""
        outcome = self._asking.answered(box, answer)
        if outcome is not None:
            self._outcomes.append(outcome)

    def tick(self, positions: Positions, store: Store, *, publish: Callable[[Request], None] | None) -> bool:
        """Look at all gaps, write down what has changed, and ask with `publish` (None: there is no connection). True if it asked.

        Raises:
            StoreError: nothing is written and nothing was asked; the next tick does the same again.
        """
        self._outcomes += self._asking.late()
        changes = self._changes(positions)
        requests = [] if publish is None else self._asking.next_requests()
        for request in requests:
            gaps = record(changes[request.stream], self._due(request.stream, request.span), stream=request.stream, at=self._now())
            changes[request.stream] = asked(gaps, request.span, at=self._now())
        self._note_those_without_a_box(changes)
        changed = {stream: gaps for stream, gaps in changes.items() if gaps != self._gaps.get(stream, [])}
        if changed:
            with store.transaction() as transaction:
                for stream, gaps in changed.items():
                    transaction.write_gaps(self._gaps.get(stream, []), gaps)
        for outcome in self._outcomes:
            self._say(outcome, changes)
        self._outcomes.clear()
        for stream, gaps in changed.items():
            self._gaps[stream] = _worth_knowing(gaps)
        for request in requests:
            if publish is not None:
                publish(request)
            self._asking.sent(request)
        return bool(requests)

    def _changes(self, positions: Positions) -> dict[Stream, list[Gap]]:
        """The gaps as they are now, of every stream; the holes that are not lost are looked at for their age."""
        changes: dict[Stream, list[Gap]] = {}
        for stream in self._patience.streams:
            if positions.get(stream) is None:  # of a database that was made anew meanwhile
                self._patience.see(stream, ())
        for position in positions:
            stream, missing = position.stream, position.missing()
            gaps = self._gaps.get(stream, [])
            if gaps:
                gaps = fill(gaps, missing, at=self._now())
            for outcome in self._outcomes:
                if outcome.stream == stream and outcome.state is GapState.LOST:
                    gaps = lost(gaps, outcome.span, at=self._now())
                elif outcome.stream == stream and outcome.state is GapState.OPEN:
                    gaps = refused(gaps, outcome.span)
            gone = sorted(gap.span for gap in gaps if gap.state is GapState.LOST)
            if missing or stream in self._patience.streams:
                self._patience.see(stream, without(missing, gone))
            changes[stream] = gaps
        return changes

    def _due(self, stream: Stream, within: Span) -> list[Span]:
        return [hole.span for hole in self._patience.due(stream) if hole.span.overlap(within)]

    def _note_those_without_a_box(self, changes: dict[Stream, list[Gap]]) -> None:
        for stream in self._patience.streams:
            due = [hole.span for hole in self._patience.due(stream)]
            if due and not self._asking.boxes_of(stream.station):
                changes[stream] = record(changes[stream], due, stream=stream, at=self._now())
                if stream.station not in self._alone:
                    self._alone.add(stream.station)
                    log.warning("missing station=%s: no box says that it has this station, so nobody can be asked", stream.station)

    def _say(self, outcome: Outcome, changes: dict[Stream, list[Gap]]) -> None:
        stream, span = outcome.stream, outcome.span
        where = f"station={stream.station} epoch={stream.epoch}"
        if outcome.state is GapState.LOST:
            gone = [gap.span for gap in changes.get(stream, []) if gap.state is GapState.LOST and gap.span.overlap(span)]
            count = sum(len(each) for each in gone)
            log.error("lost %s first=%d last=%d verdicts=%d: no box has them any more", where, span.first, span.last, count)
        elif outcome.state is GapState.OPEN and outcome.sentence != self._refusal:
            log.warning("not replayed %s first=%d last=%d: %s: it is asked for again", where, span.first, span.last, outcome.sentence)
            self._refusal = outcome.sentence


def _worth_knowing(gaps: list[Gap]) -> list[Gap]:
    """What is filled is written down and may be forgotten, unless its neighbour is still filling and will be joined to it."""
    begins = {gap.span.first for gap in gaps if gap.state is not GapState.FILLED}
    return [gap for gap in gaps if gap.state is not GapState.FILLED or gap.span.last + 1 in begins]
