"""The topic on which consumers ask for verdicts again, and what is said to them about it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timezone

from pydantic import BaseModel, Field, ValidationError

from edge.drift.watch import Change
from edge.sinks.mqtt.wire import BundleEventMessage, ChangedShare, DriftEventMessage, ReplayEvent
from edge.sinks.route import BoxEvent, BundleEvent, ReplayRequest
from firmware_config.strict import STRICT

MAX_REQUEST_BYTES = 4_096
BURST, PER_S = 20, 2.0
"""So many requests at once, and so many a second in the long run: a consumer that asks in a loop costs the line nothing."""
MAX_EVENTS = 100


class Replay(BaseModel):
    """What a consumer asks for: `first` to `last`, both included, of a station and an epoch."""

    model_config = STRICT
    station: str = Field(min_length=1, max_length=64)
    epoch: str = Field(min_length=1, max_length=64)
    first: int = Field(ge=1)
    last: int = Field(ge=1)


class ReplayTopic:
    """Requests that wait for the box, and events that wait for the broker. Any thread may call."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._clock, self._now = clock, now
        self._lock = threading.Lock()
        self._asked: deque[ReplayRequest] = deque()
        self._events: deque[bytes] = deque(maxlen=MAX_EVENTS)
        self._allowed, self._allowed_at = float(BURST), clock()

    def take(self, payload: bytes) -> None:
        """Take a request as it came; what is wrong with it becomes an event."""
        with self._lock:
            try:
                if len(payload) > MAX_REQUEST_BYTES:
                    self._refuse(f"a request of {len(payload)} bytes: send {MAX_REQUEST_BYTES} at most")
                    return
                asked = ReplayRequest(**Replay.model_validate_json(payload, strict=True).model_dump())
            except ValidationError as err:
                first = err.errors()[0]
                where = ".".join(map(str, first["loc"])) or "the request"
                self._refuse(f"{where}: {first['msg']}: send station, epoch, first and last as JSON")
                return
            now = self._clock()
            self._allowed = min(float(BURST), self._allowed + (now - self._allowed_at) * PER_S)
            self._allowed_at = now
            if self._allowed < 1:
                self._answer(asked, 0, f"more than {BURST} requests at once or {PER_S:.0f} a second: ask again later")
                return
            self._allowed -= 1
            self._asked.append(asked)

    def requests(self) -> tuple[ReplayRequest, ...]:
        """What was asked for since the last call."""
        with self._lock:
            asked = tuple(self._asked)
            self._asked.clear()
            return asked

    def answer(self, asked: ReplayRequest, found: int, refused: str | None) -> None:
        """Say how many of the verdicts are still here, or why they are not sent."""
        with self._lock:
            self._answer(asked, found, refused)

    def tell(self, event: BoxEvent) -> None:
        """Say what happened to a bundle, or which words have changed, on the same topic."""
        with self._lock:
            if isinstance(event, BundleEvent):
                self._say(BundleEventMessage.model_validate(event, from_attributes=True))
            else:
                changes = tuple(map(_share, event.changes))
                self._say(DriftEventMessage(at=event.at, station=event.station, text=event.text, number=event.number, changes=changes))

    def next_event(self) -> bytes | None:
        """The oldest event that the broker does not have; `event_delivered` takes it away."""
        with self._lock:
            return self._events[0] if self._events else None

    def event_delivered(self, event: bytes) -> None:
        """The broker has this one."""
        with self._lock:
            if self._events and self._events[0] is event:
                self._events.popleft()

    def _answer(self, asked: ReplayRequest, found: int, refused: str | None) -> None:
        asked_for = {"station": asked.station, "epoch": asked.epoch, "first": asked.first, "last": asked.last}
        self._say(ReplayEvent(at=self._now(), **asked_for, found=found, refused=refused))

    def _refuse(self, why: str) -> None:
        self._say(ReplayEvent(at=self._now(), station=None, epoch=None, first=None, last=None, found=0, refused=why))

    def _say(self, event: ReplayEvent | BundleEventMessage | DriftEventMessage) -> None:
        self._events.append(event.model_dump_json().encode())


def _share(change: Change) -> ChangedShare:
    return ChangedShare(
        news=change.news,
        kind=change.word.kind,
        word=change.word.text,
        since=change.since,
        count=change.count,
        parts=change.parts,
        count_before=change.before,
        parts_before=change.parts_before,
    )
