"""Follows how often each word is said, in a thread of its own. Nothing that happens to it reaches a verdict.

The worker only puts a committed inspection into a queue. Counts are saved beside the spool now and then: a kill loses some minutes of them,
which changes no share that matters.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timezone, tzinfo
from pathlib import Path

from edge.daemon.metrics import Metrics
from edge.drift.sentence import sentence
from edge.drift.state_file import Counted, read_counted, write_counted
from edge.drift.watch import Change, Watch
from edge.drift.windows import Counting, Window
from edge.drift.words import words_of
from edge.errors import HistoryError
from edge.records import Inspection
from edge.sinks import DriftEvent, SinkRoute
from firmware_config.station import Station

log = logging.getLogger(__name__)

LOOK_S = 1.0
SAVE_EVERY_S = 1_800.0
MAX_WAITING = 50_000
"""Inspections that wait to be counted; with more the oldest are not counted."""
NICE = 10
"""The thread's priority: judging comes first."""


class Drifting:
    """Counts what is offered for the stations that run, and tells their outputs what has changed. `close` must be called after `start`.

    `zone` is that of the shifts, None the system's. `now` gives the time in UTC, `monotonic` seconds that only grow.
    """

    def __init__(
        self,
        path: Path,
        *,
        stations: Callable[[], Sequence[Station]],
        routes: Callable[[], Sequence[SinkRoute]],
        metrics: Metrics,
        zone: tzinfo | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._stations, self._routes, self._metrics = stations, routes, metrics
        self._zone, self._now, self._monotonic = zone, now, monotonic
        self._waiting: deque[Inspection] = deque(maxlen=MAX_WAITING)
        self._closing = threading.Event()
        self._counted: dict[str, Counted] = {}
        self._followed: dict[str, _Followed] = {}
        self._save_at, self._is_saved, self._failed = 0.0, True, ""
        self._thread = threading.Thread(target=self._run, name="drift", daemon=True)

    def start(self) -> None:
        """Begin to count, in a thread."""
        self._thread.start()

    def offer(self, inspection: Inspection) -> None:
        """Take a committed inspection. Never waits."""
        self._waiting.append(inspection)

    def close(self, timeout_s: float) -> None:
        """Count what waits, save the counts and end; returns after this time at the latest."""
        self._closing.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        self._read()
        self._save_at = self._monotonic() + SAVE_EVERY_S
        while True:
            is_last = self._closing.wait(LOOK_S)
            try:
                self._turn()
                if is_last or self._monotonic() >= self._save_at:
                    self._save()
            except Exception as err:  # noqa: BLE001 -- a bug of ours costs these counts only, and is logged
                self._fail(err)
            if is_last:
                return

    def _fail(self, err: Exception) -> None:
        """A bug of ours costs these counts only: what waits does not fill the memory, and the same is not logged every second."""
        self._waiting.clear()
        if repr(err) != self._failed:
            log.error("counting words failed", exc_info=err)
        self._failed = repr(err)

    def _turn(self) -> None:
        followed = self._follow()
        while self._waiting:
            inspection = self._waiting.popleft()
            one = followed.get(inspection.station)
            if one is not None and (over := one.count(inspection)) is not None:
                self._end(one, over)
        for one in followed.values():
            if (over := one.counting.look(self._now())) is not None:
                self._end(one, over)

    def _follow(self) -> dict[str, _Followed]:
        """The stations that run and are watched, each with its settings of now."""
        stations = {station.station.name: station for station in self._stations() if station.drift.watch}
        for gone in self._followed.keys() - stations.keys():
            del self._followed[gone]
            self._metrics.forget_drift(gone)
        for name, station in stations.items():
            before = self._followed.get(name)
            if before is not None and before.station == station:
                continue
            if before is not None:
                self._counted[name].current = before.counting.current
            counted = self._counted.setdefault(name, Counted([]))
            self._followed[name] = _Followed(station, counted, zone=self._zone)
            self._show(self._followed[name])
        return self._followed

    def _end(self, one: _Followed, window: Window) -> None:
        changes = one.end(window)
        self._show(one)
        self._save()
        if not changes:
            return
        name, language = one.station.station.name, one.station.station.language
        text = "; ".join(sentence(change, station=name, language=language, zone=self._zone) for change in changes[:MAX_TOLD])
        log.warning("words changed station=%s number=%d: %s", name, len(changes), text)
        self._metrics.drift_changes.labels(name).inc(sum(change.news == "changed" for change in changes))
        event = DriftEvent(self._now(), name, text, changes[:MAX_TOLD], len(changes))
        for route in self._routes():
            if name in route.stations:
                route.tell(event)

    def _show(self, one: _Followed) -> None:
        name = one.station.station.name
        self._metrics.drift_changes.labels(name)
        self._metrics.drift_changed.labels(name).set(len(one.watch.standing))
        self._metrics.drift_reference.labels(name).set(one.watch.reference_windows)

    def _read(self) -> None:
        try:
            self._counted = read_counted(self._path)
        except HistoryError as err:
            aside = self._path.with_name(f"{self._path.name}.damaged")
            with contextlib.suppress(OSError):
                self._path.replace(aside)
            log.error("words counted so far are lost, references begin anew moved=%s error=%r", aside, str(err))  # noqa: TRY400 -- it says all

    def _save(self) -> None:
        self._save_at = self._monotonic() + SAVE_EVERY_S
        for name, one in self._followed.items():
            self._counted[name].current = one.counting.current
        try:
            write_counted(self._path, self._counted)
        except OSError as err:
            if self._is_saved:
                log.warning("counted words are not saved file=%s error=%r", self._path, err.strerror)
            self._is_saved = False
        else:
            self._is_saved = True


MAX_TOLD = 20
"""Words in one event, the surest first; the event says how many there are."""


class _Followed:
    """One station: its settings, what was counted, and what was made of it."""

    def __init__(self, station: Station, counted: Counted, *, zone: tzinfo | None) -> None:
        self.station = station
        self._counted = counted
        self._terms = tuple(term.name for term in station.describe.terms)
        self._describing = station.describing_digest
        self.counting = Counting(station.drift, zone=zone, current=counted.current)
        self.watch = Watch(station.drift)
        for window in counted.windows:
            self.watch.take(window)  # was told then

    def count(self, inspection: Inspection) -> Window | None:
        """Count an inspection; gives the window before it, if that is over."""
        words = words_of(inspection, terms=self._terms)
        if words is None:
            return None
        return self.counting.add(inspection.captured_at, words, f"{inspection.models_digest} {self._describing}")

    def end(self, window: Window) -> tuple[Change, ...]:
        """Keep a window that is over; gives what is to be told."""
        settings = self.station.drift
        if any(each.basis != window.basis for each in self._counted.windows[-1:]):
            log.info("words are counted anew, models or settings are others station=%s", self.station.station.name)
        self._counted.add(window, reference_from=settings.reference_from, reference_windows=settings.reference_windows)
        return self.watch.take(window)
