"""One thread per sink: takes what is committed to the other side, and tries for ever."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from edge.errors import EdgeError, NobodyListensError, SpoolError
from edge.records import Inspection
from edge.sinks import SinkRoute
from edge.spool.store import Pending, Spool

log = logging.getLogger(__name__)

FIRST_DELAY_S, LAST_DELAY_S = 0.1, 5.0
"""Pause after a failure, doubled each time: a broker that is back is found again within 5 s."""

IDLE_S = 1.0
"""With nothing to do, look again after this long: another process may have asked for a replay."""

BATCH_ROWS = 100
"""Read at once."""

MARK_ROWS = 10
"""The cursors are moved for so many at once: a kill sends these and what is under way twice."""

TURN_S = 1.0
"""So long the sink is supplied in one go, as long as there is something."""

PUT_OFF_ROWS = 100
"""A larger backlog waits for what is committed next, where the route says so: a line needs the newest verdict first."""


@dataclass(frozen=True, slots=True)
class DispatchStatus:
    """`progress` grows with every turn of the loop, also while the other side is down: what the watchdog looks at.

    `nobody_listens` is the alarm that the broker has no subscriber for these verdicts. `last_error` is None while all is well.
    """

    delivered: int
    failed: int
    backlog: int
    nobody_listens: bool
    last_error: str | None
    progress: int


class Dispatcher:
    """Delivers the rows of one route, as `Spool.pending` gives them: a row that fails is tried again until it is delivered.

    `wait` waits on an event for some seconds at most and says whether it is set; `sink` is closed by `stop`.
    """

    def __init__(
        self,
        *,
        spool: Spool,
        route: SinkRoute,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._spool = spool
        self._route = route
        self._clock = clock
        self._wait = wait
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._work = True
        self._idle = False
        self._delivered = self._failed = self._progress = 0
        self._nobody_listens = False
        self._last_error: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"dispatch-{route.name}-{route.stations[0]}", daemon=True)

    @property
    def route(self) -> SinkRoute:
        """What it delivers to, and for which stations."""
        return self._route

    def serve(self, route: SinkRoute) -> None:
        """Deliver for other stations from now on, by the same sink."""
        self._route = route
        self.wake()

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """Say that something was committed."""
        with self._changed:
            self._work, self._idle = True, False
            self._changed.notify_all()

    def drain(self, deadline_s: float) -> bool:
        """Wait until everything that was committed before this call is delivered; False if it is not within `deadline_s`."""
        self.wake()
        with self._changed:
            return self._changed.wait_for(lambda: self._idle, deadline_s)

    def end(self) -> None:
        """Say that it shall end after the delivery under way; `stop` waits for that."""
        self._stopping.set()
        self.wake()

    def stop(self, deadline_s: float) -> bool:
        """End after the delivery under way, close the sink; True if the thread ended within `deadline_s`. Rows not yet delivered stay."""
        until = self._clock() + deadline_s
        self.end()
        if self._thread.is_alive():
            self._thread.join(deadline_s / 2)
        self._route.sink.close()  # also ends a delivery that hangs
        if self._thread.is_alive():
            self._thread.join(max(0.0, until - self._clock()))
        return not self._thread.is_alive()

    def status(self) -> DispatchStatus:
        """Say how it goes; also from other threads, also after `stop`."""
        backlog = self._spool.backlog(self._route.name, self._route.stations)
        return DispatchStatus(self._delivered, self._failed, backlog, self._nobody_listens, self._last_error, self._progress)

    def _run(self) -> None:
        delay_s = FIRST_DELAY_S
        while not self._stopping.is_set():
            self._progress += 1
            delivered_before = self._delivered
            try:
                self._turn()
            except Exception as err:  # noqa: BLE001 -- the top of a thread: whatever happens, the rows stay and are tried again
                self._note(err)
                if self._delivered > delivered_before:
                    delay_s = FIRST_DELAY_S
                self._wait(self._stopping, delay_s)
                delay_s = min(2 * delay_s, LAST_DELAY_S)
            else:
                delay_s = FIRST_DELAY_S

    def _turn(self) -> None:
        """Deliver what is pending; if nothing is, keep in touch and wait for more."""
        with self._changed:
            self._work = False
        self._serve_replays()
        if self._route.newest_first and self._spool.put_off(self._route.name, self._route.stations, more_than=PUT_OFF_ROWS):
            where = self._route.name, ",".join(self._route.stations)
            log.info("route %s stations=%s puts its backlog off: what is committed next goes first", *where)
        rows = self._pending(())
        if not rows:
            self._route.sink.connect()
            self._note(None)
            with self._changed:
                self._idle = not self._work
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._work, IDLE_S)
            return
        self._deliver(rows)

    def _deliver(self, rows: Sequence[Pending]) -> None:
        """Keep the sink supplied for a while, beginning with these, and move the cursors past what the other side has."""
        under_way: deque[Pending] = deque()
        delivered: list[Pending] = []
        try:
            with closing(self._route.sink.deliver(self._supply(rows, under_way, delivered))) as taken:
                for _ in taken:
                    delivered.append(under_way.popleft())
                    self._progress += 1
                    if len(delivered) >= MARK_ROWS:
                        self._mark(delivered)
        finally:
            self._mark(delivered)

    def _supply(self, rows: Sequence[Pending], under_way: deque[Pending], delivered: Sequence[Pending]) -> Iterator[Inspection]:
        until = self._clock() + TURN_S
        more = deque(rows)
        while self._clock() < until and not self._stopping.is_set():
            if self._work or not more:
                with self._changed:
                    self._work = False
                more = deque(self._pending([*delivered, *under_way]))
            if not more:
                return
            under_way.append(more.popleft())
            yield under_way[-1].inspection

    def _pending(self, under_way: Sequence[Pending]) -> tuple[Pending, ...]:
        return self._spool.pending(self._route.name, self._route.stations, BATCH_ROWS, under_way=under_way)

    def _mark(self, delivered: list[Pending]) -> None:
        if delivered:
            self._spool.mark_delivered(self._route.name, delivered)
            self._delivered += len(delivered)
            delivered.clear()
            self._note(None)

    def _serve_replays(self) -> None:
        """Note what consumers ask to be sent again, and tell them how much of it is still here."""
        for asked in self._route.replay_requests():
            found, refused = 0, None
            try:
                found = self._spool.replay(self._route.name, asked.station, asked.first, asked.last, epoch=asked.epoch)
            except SpoolError as err:
                refused = str(err)
            log.info(
                "replay asked station=%s epoch=%s first=%d last=%d found=%d refused=%r",
                asked.station, asked.epoch, asked.first, asked.last, found, refused,
            )  # fmt: skip
            self._route.answer_replay(asked, found, refused)

    def _note(self, err: Exception | None) -> None:
        """Remember how it goes; the log gets changes only."""
        self._failed += err is not None
        nobody_listens = isinstance(err, NobodyListensError)
        last_error = None if err is None else str(err)
        if (last_error is None) != (self._last_error is None) or nobody_listens != self._nobody_listens:
            level = logging.INFO if err is None else logging.WARNING
            trace = err if err is not None and not isinstance(err, EdgeError) else None
            where = self._route.name, ",".join(self._route.stations)
            log.log(level, "route %s stations=%s delivering=%s error=%r", *where, err is None, last_error, exc_info=trace)
        self._nobody_listens, self._last_error = nobody_listens, last_error


def stop_all(dispatchers: Sequence[Dispatcher], deadline_s: float) -> None:
    """Stop them side by side, so that one whose other side is deaf takes no time from another; returns after `deadline_s` at the latest."""
    stops = [threading.Thread(target=each.stop, args=(deadline_s,), name="stop", daemon=True) for each in dispatchers]
    for each in dispatchers:
        each.end()
    until = time.monotonic() + deadline_s
    for stop in stops:
        stop.start()
    for stop in stops:
        stop.join(max(0.0, until - time.monotonic()))
