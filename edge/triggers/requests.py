"""The open requests of a station: each gets the frame nearest to it, and exactly one answer by its deadline.

Four threads meet here. The output's `ask` brings requests, the camera's `put` brings pictures, the worker takes pictures that belong to
requests and claims the answer when it has judged one, and whoever watches the deadlines takes what is due.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from edge.records import Capture, Frame, LostFrame, Reason, Taken, TriggerRequest, Trouble
from edge.triggers.frame_ring import FrameRing, pixel_bytes
from firmware_config.triggers import Trigger

MAX_OPEN = 100
"""Requests that wait for a picture or a judgement; one more is a FAULT."""
MAX_HELD_BYTES = 500_000_000
"""Of the pictures that wait for a judgement; one more is a FAULT."""
MAX_UNANSWERED = 1_000
"""Faults that wait to be committed; beyond them nothing is taken."""

REPEATED_NS = 600_000_000_000
"""The same id within ten minutes is the same request: QoS 1 delivers more than once."""
MAX_REMEMBERED = 10_000

LEAST_TRANSIT_NS = 20_000_000
"""A picture may be held up by a busy processor for so long, also where the last ones were not."""

LEAD_NS = 50_000_000
"""The last part of the deadline, at most half of it, is for the way to the asker, beside what storing and sending an answer took lately,"""
DIGEST_NS_PER_BYTE = 3
"""and the digest of the picture."""

STOPPING = "the box is stopping: trigger again when it is back"


@dataclass(slots=True)
class _Open:
    request: TriggerRequest
    answer_by_ns: int
    capture: Capture | None = None


class Requests:
    """The requests of one station. `troubles` are those of its camera; `changed` is called when there may be something to do.

    It stands where other stations have a `FrameSlot`, and the worker uses it like one.
    """

    dropped = 0
    """No frame is dropped: those between two requests are not wanted."""

    def __init__(
        self,
        settings: Trigger,
        *,
        station: str,
        troubles: Callable[[], tuple[Trouble, ...]],
        changed: Callable[[], None] = lambda: None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.station = station
        self._deadline_ns = (settings.deadline_ms or 0) * 1_000_000
        self._nearest_ns = settings.nearest_ms * 1_000_000
        self._troubles = troubles
        self.changed = changed
        self._monotonic_ns = monotonic_ns
        self._now = now
        self._lock = threading.Lock()
        self._ring = FrameRing()
        self._transit_ns = LEAST_TRANSIT_NS
        """How long a picture took from the camera to here, lately: one that was taken in time may still be on its way."""
        self._answering_ns = 0
        """How long it took to store and send an answer, lately."""
        self._open: dict[str, _Open] = {}
        self._ready: deque[str] = deque()
        self._given: list[tuple[Capture, TriggerRequest]] = []
        """The pictures of the ring that have answered, and whom first: a picture answers for one part."""
        self._faults: deque[tuple[int, LostFrame]] = deque()
        """With the moments by which they must be answered."""
        self._seen: dict[str, int] = {}
        self._off: str | None = None
        self._closed = False

    def ask(self, request: TriggerRequest) -> Taken:
        """Take a request. It has its answer by the deadline, unless it is one of before, or nothing more can be taken."""
        with self._lock:
            now_ns = self._monotonic_ns()
            self._forget(now_ns)
            if request.request_id in self._seen:
                return "repeated"
            if self._closed or len(self._faults) >= MAX_UNANSWERED:
                return "full"
            self._seen[request.request_id] = now_ns
            if self._off is not None:
                self._fail(request, Reason.DISABLED, self._off)
            elif len(self._open) >= MAX_OPEN:
                self._fail(request, Reason.OVERRUN, f"{MAX_OPEN} triggers are open already: trigger more slowly")
            else:
                self._open[request.request_id] = _Open(request, request.arrived_ns + self._deadline_ns)
                self._settle(now_ns)
        self.changed()
        return "taken"

    def put(self, capture: Capture) -> bool:
        """Take a picture of the camera; False if this was closed."""
        with self._lock:
            if self._closed:
                return False
            if self._off is not None:
                return True
            now_ns = self._monotonic_ns()
            self._transit_ns = max(LEAST_TRANSIT_NS, now_ns - capture.monotonic_ns, self._transit_ns * 7 // 8)
            self._ring.add(capture)
            self._given = [given for given in self._given if given[0] in self._ring]
            self._settle(now_ns)
        self.changed()
        return True

    @property
    def waiting(self) -> bool:
        """Tell whether there is a picture to judge."""
        with self._lock:
            return any(request_id in self._open for request_id in self._ready)

    def take(self) -> Capture | None:
        """Take the next picture to judge, which names its request and part, or None if there is none."""
        with self._lock:
            now_ns = self._monotonic_ns()
            while self._ready:
                one = self._open.get(self._ready.popleft())
                if one is not None and one.capture is not None and now_ns < self._last_moment_ns(one):
                    return _belonging(one.capture, one.request)
            return None

    def claim(self, capture: Capture) -> bool:
        """Whether a judgement is still in time to answer the request of its picture; who claims it gives the answer, now.

        After the last moment for that it is left to who takes what is due, even where that one is behind.
        """
        with self._lock:
            one = None if capture.request_id is None else self._open.get(capture.request_id)
            if one is None or self._monotonic_ns() >= self._last_moment_ns(one):
                return False
            del self._open[one.request.request_id]
            return True

    def answered(self, took_ns: int) -> None:
        """Say how long it took to store and send an answer."""
        with self._lock:
            self._answering_ns = max(took_ns, self._answering_ns * 7 // 8)

    def due_by_ns(self) -> int | None:
        """By which moment (monotonic) the first of those that `take_due` has must be answered; None if it has none."""
        with self._lock:
            faults, late = self._first_due()
            return min([*faults, *(one.answer_by_ns for one in late)], default=None)

    def take_due(self) -> Capture | None:
        """The picture, a lost one too, that must be answered first of those due now without a judgement. It is claimed."""
        with self._lock:
            faults, late = self._first_due()
            if late and (not faults or late[0].answer_by_ns < faults[0]):
                del self._open[late[0].request.request_id]
                return None if late[0].capture is None else _belonging(late[0].capture, late[0].request)
            return self._faults.popleft()[1] if faults else None

    def _first_due(self) -> tuple[list[int], list[_Open]]:
        """The moment of the first fault, and the first request whose picture is not judged in time; either may be missing."""
        now_ns = self._monotonic_ns()
        self._settle(now_ns)
        late: list[_Open] = []
        for one in [one for one in self._open.values() if self._closed or now_ns >= self._last_moment_ns(one)]:
            if one.capture is None or self._closed:
                del self._open[one.request.request_id]
                self._fail(one.request, *self._why_no_picture(now_ns))
            else:
                late.append(one)
        return [self._faults[0][0]] if self._faults else [], sorted(late, key=lambda one: one.answer_by_ns)[:1]

    def next_due_s(self) -> float | None:
        """Seconds until `take_due` has something, None if nothing is open."""
        with self._lock:
            if self._faults:
                return 0.0
            moments = [self._last_moment_ns(one) if one.capture is not None else self._wait_until_ns(one) for one in self._open.values()]
            return max(0.0, (min(moments) - self._monotonic_ns()) / 1e9) if moments else None

    def switch(self, *, off: str | None) -> None:
        """Switch the station off, with the sentence why, or on (None). Pictures of before are not those of a later request."""
        with self._lock:
            self._off = off
            self._ring.clear()
            self._given.clear()
        self.changed()

    def close(self, why: str = STOPPING) -> None:
        """Take no more pictures and requests; those that are open become due, as FAULTs with the sentence `why`."""
        with self._lock:
            self._closed, self._off = True, why
        self.changed()

    @property
    def is_empty(self) -> bool:
        """Whether no request waits for its answer."""
        with self._lock:
            return not self._open and not self._faults

    def _settle(self, now_ns: int) -> None:
        """Give each open request its picture, as far as it is known which one is the nearest."""
        for one in [one for one in self._open.values() if one.capture is None]:
            before, after = self._ring.around(one.request.arrived_ns)
            if self._off is None and after is None and now_ns < self._wait_until_ns(one):
                continue
            at_ns = one.request.arrived_ns
            near = {abs(each.monotonic_ns - at_ns): each for each in (after, before) if each is not None}
            nearest = near[min(near)] if near and min(near) <= self._nearest_ns else None
            if nearest is None or self._off is not None:
                del self._open[one.request.request_id]
                self._fail(one.request, *self._why_no_picture(now_ns))
            elif not self._has_room(nearest):
                del self._open[one.request.request_id]
                self._fail(one.request, Reason.OVERRUN, "the pictures of open triggers take all the room there is: trigger more slowly")
            elif not self._may_answer(nearest, one.request):
                del self._open[one.request.request_id]
                self._fail(
                    one.request,
                    Reason.CAMERA_STALLED,
                    "the picture nearest to the trigger is that of a trigger before it: trigger more slowly, raise the camera's fps, "
                    "or give both the same part_id",
                )
            else:
                one.capture = nearest
                self._given.append((nearest, one.request))
                self._ready.append(one.request.request_id)

    def _wait_until_ns(self, one: _Open) -> int:
        """Until when a picture that comes could be nearer to the request than the last one before it."""
        at_ns = one.request.arrived_ns
        before, _ = self._ring.around(at_ns)
        could_be_nearer_ns = self._nearest_ns if before is None else min(self._nearest_ns, at_ns - before.monotonic_ns)
        transit_ns = self._transit_ns if could_be_nearer_ns else 0
        return min(at_ns + could_be_nearer_ns + transit_ns, self._last_moment_ns(one))

    def _last_moment_ns(self, one: _Open) -> int:
        lead_ns = LEAD_NS + self._answering_ns + DIGEST_NS_PER_BYTE * pixel_bytes(one.capture)
        return one.answer_by_ns - min(lead_ns, self._deadline_ns // 2)

    def _may_answer(self, capture: Capture, request: TriggerRequest) -> bool:
        """Whether a picture is not that of another part; without part_id two requests are for the same one if both are near to it."""
        first = next((given for picture, given in self._given if picture is capture), None)
        if first is None or not isinstance(capture, Frame):
            return True
        if first.part_id is not None or request.part_id is not None:
            return first.part_id == request.part_id
        far_ns = max(abs(each.arrived_ns - capture.monotonic_ns) for each in (first, request))
        return far_ns <= self._ring.period_ns()

    def _has_room(self, capture: Capture) -> bool:
        held = {id(one.capture): pixel_bytes(one.capture) for one in self._open.values() if one.capture is not None}
        return id(capture) in held or not held or sum(held.values()) + pixel_bytes(capture) <= MAX_HELD_BYTES

    def _why_no_picture(self, now_ns: int) -> tuple[Reason, str]:
        if self._off is not None:
            return Reason.DISABLED, self._off
        for trouble in self._troubles():
            if trouble.code in {Reason.CAMERA_UNREACHABLE.value, Reason.CAMERA_STALLED.value}:
                return Reason(trouble.code), trouble.detail
        before, _ = self._ring.around(now_ns)
        since = "none has come yet" if before is None else f"the last one is {(now_ns - before.monotonic_ns) / 1e9:.1f} s old"
        return (
            Reason.CAMERA_STALLED,
            f"the camera gave no picture within {self._nearest_ns / 1e6:.0f} ms of the trigger, {since}: look at it",
        )

    def _fail(self, request: TriggerRequest, reason: Reason, detail: str) -> None:
        lost = LostFrame(reason, detail, self._now(), request.arrived_ns, self.station, 0, "no picture")
        lost = replace(lost, part_id=request.part_id, request_id=request.request_id)
        self._faults.append((request.arrived_ns + self._deadline_ns, lost))

    def _forget(self, now_ns: int) -> None:
        """Forget the ids that are old, or too many."""
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) < MAX_REMEMBERED and now_ns - self._seen[oldest] < REPEATED_NS:
                return
            if oldest in self._open:
                return
            del self._seen[oldest]


def _belonging(capture: Capture, request: TriggerRequest) -> Capture:
    return replace(capture, part_id=request.part_id, request_id=request.request_id)
