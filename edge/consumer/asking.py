"""Whom to ask for what is missing, and when: one request at a time for each box, with growing pauses where a box refuses or is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from edge.consumer.gaps import GapState
from edge.consumer.messages import Answer
from edge.consumer.patience import LONGEST_PAUSE_S, Hole, Patience
from edge.consumer.positions import Stream
from edge.consumer.spans import Span

ANSWER_S = 15.0
"""A box that says nothing for so long does not run, or never got the request."""
FIRST_PAUSE_S = 10.0
NEAR = 100
"""Holes with fewer verdicts between them are asked for together: duplicates cost less than a hundred requests."""
PIECE = 500
"""Verdicts in one request. mosquitto, as it comes, drops what it cannot queue for a consumer beyond 1,000 messages, though it is there."""


@dataclass(frozen=True, slots=True)
class Request:
    """Ask each of `boxes` for a span of a stream."""

    stream: Stream
    span: Span
    boxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request. OPEN: refused, with the box's sentence. ASKED: what was found will come. LOST: no box has any of it."""

    stream: Stream
    span: Span
    state: GapState
    sentence: str = ""


@dataclass(slots=True)
class _UnderWay:
    request: Request
    until: float
    found: int = 0
    silent: set[str] = field(default_factory=set)
    refusal: str = ""


@dataclass(slots=True)
class _Pause:
    until: float
    length_s: float


class Asking:
    """Knows the boxes and what they were asked for. `patience` says which holes are due; `clock` gives seconds that only grow."""

    def __init__(self, patience: Patience, *, clock: Callable[[], float]) -> None:
        self._patience = patience
        self._clock = clock
        self._stations: dict[str, frozenset[str]] = {}
        self._pauses: dict[str, _Pause] = {}
        self._under_way: list[_UnderWay] = []
        self._coming: list[Request] = []

    def heard(self, box: str, stations: Iterable[str]) -> None:
        """Take what a box says of itself, as it does when it connects: it may be asked at once."""
        self._stations[box] = frozenset(stations)
        self._pauses.pop(box, None)

    def boxes_of(self, station: str) -> tuple[str, ...]:
        """The boxes that say that they have a station."""
        return tuple(box for box, stations in sorted(self._stations.items()) if station in stations)

    def next_requests(self) -> list[Request]:
        """What is to be asked for now. Call `sent` for each."""
        requests = list[Request]()
        for stream in self._patience.streams:
            boxes = self.boxes_of(stream.station)
            awake = tuple(box for box in boxes if not self._pauses_now(box))
            if awake and not self._busy(requests).intersection(boxes):
                due = self._patience.due(stream)
                if due:
                    requests.append(Request(stream, _together(due), awake))
        return requests

    def sent(self, request: Request) -> None:
        """Note that a request was published."""
        self._under_way.append(_UnderWay(request, self._clock() + ANSWER_S, silent=set(request.boxes)))
        self._patience.asked(request.stream, request.span)

    def answered(self, box: str, answer: Answer) -> Outcome | None:
        """Take an answer; None: it is to another consumer's request, or other boxes have not answered yet."""
        for each in self._under_way:
            asked = (each.request.stream, each.request.span.first, each.request.span.last)
            if box in each.silent and asked == (Stream(answer.station, answer.epoch), answer.first, answer.last):
                each.silent.discard(box)
                if answer.refused is not None or answer.found is None:
                    each.refusal = f"box {box}: {answer.refused or 'an answer without a number'}"
                    self._pause(box)
                else:
                    each.found += answer.found
                    self._pauses.pop(box, None)
                return None if each.silent else self._close(each)
        return None

    def late(self) -> list[Outcome]:
        """The requests that were not answered in time, as refused."""
        now, outcomes = self._clock(), list[Outcome]()
        for each in tuple(self._under_way):
            if now >= each.until:
                each.refusal = f"no answer of {', '.join(sorted(each.silent))} within {ANSWER_S:.0f} s"
                for box in each.silent:
                    self._pause(box)
                outcomes.append(self._close(each))
        return outcomes

    def _close(self, each: _UnderWay) -> Outcome:
        self._under_way.remove(each)
        stream, span = each.request.stream, each.request.span
        if 0 < each.found < len(span):
            self._patience.not_whole(stream, span)
        if each.found:
            self._coming.append(each.request)
            return Outcome(stream, span, GapState.ASKED)
        not_asked = set(self.boxes_of(stream.station)).difference(each.request.boxes)
        if not_asked and not each.refusal:
            each.refusal = f"{', '.join(sorted(not_asked))} may have them and did not answer before"
        if each.refusal:
            self._patience.refused(stream, span)
            return Outcome(stream, span, GapState.OPEN, each.refusal)
        # Only if every box that has the station says that it has none of these, they are lost: what is left of a span is asked for again.
        return Outcome(stream, span, GapState.LOST)

    def _busy(self, requests: Iterable[Request]) -> set[str]:
        """The boxes of which an answer or verdicts are waited for, those of `requests` among them."""
        self._coming = [each for each in self._coming if self._patience.waits(each.stream, each.span)]
        return {box for request in (*(each.request for each in self._under_way), *self._coming, *requests) for box in request.boxes}

    def _pauses_now(self, box: str) -> bool:
        pause = self._pauses.get(box)
        return pause is not None and self._clock() < pause.until

    def _pause(self, box: str) -> None:
        before = self._pauses.get(box)
        length_s = FIRST_PAUSE_S if before is None else min(LONGEST_PAUSE_S, 2 * before.length_s)
        self._pauses[box] = _Pause(self._clock() + length_s, length_s)


def _together(due: list[Hole]) -> Span:
    """The first hole, or the begin of it, and the next ones as long as they are near and no hole is to be asked for alone."""
    first = due[0].span.first
    most = first + PIECE - 1
    last = min(due[0].span.last, most)
    for hole in due[1:]:
        if due[0].alone or hole.alone or hole.span.first - last > NEAR or hole.span.first > most:
            break
        last = min(hole.span.last, most)
    return Span(first, last)
