"""The daemon: cameras to slots, slots to inspectors, inspections to the spool, spool to sinks. `startup.py` puts them together."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from edge.daemon.answering import Answering
from edge.daemon.dispatcher import Dispatcher, DispatchStatus, stop_all
from edge.daemon.metrics import Metrics, resident_bytes
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.daemon.trouble_log import TroubleLog
from edge.errors import MessageError, SpoolError, SpoolFullError
from edge.evidence.keeper import EvidenceKeeper
from edge.inspection.ids import OrderedIds
from edge.inspection.policy import uncommitted, unencodable
from edge.records import Capture, Inspection, PictureFile, Taken, TriggerRequest, Trouble
from edge.sinks import BoxState, BoxStatus, Commands, SinkRoute, stations_by_sink
from edge.spool.store import Spool, SpoolStatus

log = logging.getLogger(__name__)

TICK_S = 0.25
"""How often the main loop looks."""

IDLE_S = 0.2
"""How long the worker waits for a picture before it shows that it is alive."""

RETRY_COMMIT_S = 0.5
"""Pause before a verdict that could not be committed is tried again."""

HUNG_S = 30.0
"""A stage that has not moved for this long is hung, where systemd does not say (WatchdogSec)."""

PRUNE_EVERY_S = 600.0
DRAIN_S = 1.5
"""At the end the outputs get this long to take what is committed; the rest stays in the spool."""

STOP_S = 2.0
"""All threads of cameras and judging together get this long, then all outputs together,"""
END_S = 4.5
"""and as much as is left of this, at least a second: systemd and people expect the end within 5 s."""
ALL_WELL = "all stations running"


class Daemon:
    """Runs the stations of a box until it is stopped.

    Judging never waits for the network, capture never for judging. A verdict that cannot be committed is not given: it becomes a FAULT,
    tried again until there is room. `trouble` says what else is wrong with the box; `offer` is shown each committed inspection with its
    picture, from two threads, and returns at once.
    """

    def __init__(
        self,
        pipelines: Sequence[StationPipeline],
        *,
        spool: Spool,
        routes: Sequence[SinkRoute],
        metrics: Metrics,
        notifier: Notifier,
        evidence: EvidenceKeeper | None = None,
        trouble: Callable[[], str | None] = lambda: None,
        offer: Callable[[Inspection, Capture], None] = lambda _inspection, _capture: None,
    ) -> None:
        self._pipelines = tuple(pipelines)
        self._spool = spool
        self._routes = tuple(routes)
        self._metrics = metrics
        self._notifier = notifier
        self._evidence = evidence
        self._trouble = trouble
        self._offer = offer
        self._dispatchers = tuple(Dispatcher(spool=spool, route=route) for route in routes)
        self._new_id, self._in_order = OrderedIds(after=spool.last_id()), threading.Lock()
        self._stopping = threading.Event()
        self._captured = threading.Event()
        self._answering = Answering(pipelines, answer=self._answer, pictures=self._captured)
        self._worker = threading.Thread(target=self._work, name="inspect", daemon=True)
        self._turns = 0
        self._cannot_commit: str | None = None
        self._since = datetime.now(timezone.utc)
        self._reported: tuple[BoxState, str | None, tuple[str, ...]] = ("online", None, ())
        self._camera_errors: dict[str, str] = {}
        self._troubles: dict[str, tuple[Trouble, ...]] = {}
        self._trouble_log = TroubleLog()
        for pipeline in self._pipelines:
            pipeline.thread = threading.Thread(target=self._capture, args=(pipeline,), name=f"camera-{pipeline.name}", daemon=True)

    def run(self, stop: threading.Event, *, until_done: bool = False) -> None:
        """Run until `stop` is set; with `until_done` also end when every camera has ended and its pictures are delivered."""
        self._spool.register_sinks(stations_by_sink(self._routes))
        for pipeline in self._pipelines:
            self._show_switch(pipeline)
        for route in self._routes:
            route.obey(Commands(self._ask, self._switch))
        for dispatcher in self._dispatchers:
            dispatcher.start()
        self._worker.start()
        self._answering.start()
        for pipeline in self._pipelines:
            pipeline.thread.start()
        self._notifier.ready()
        log.info(
            "running stations=%s outputs=%s epoch=%s",
            ",".join(pipeline.name for pipeline in self._pipelines),
            len(self._routes),
            self._spool.epoch,
        )
        try:
            self._watch(stop, until_done=until_done)
        finally:
            self._stop()

    def _watch(self, stop: threading.Event, *, until_done: bool) -> None:
        """The main loop: feeds the watchdog while every stage moves, shows the figures, prunes the spool."""
        limit_s = self._notifier.watchdog_s or HUNG_S
        moved: dict[str, tuple[int, float]] = {}
        hung: set[str] = set()
        pruned_at = time.monotonic()
        while not stop.wait(TICK_S):
            now = time.monotonic()
            try:
                statuses, spool = [dispatcher.status() for dispatcher in self._dispatchers], self._spool.status()
            except SpoolError as err:
                # While this lasts the watchdog is not fed. systemd then restarts the daemon, which examines the spool's file.
                self._report_status("degraded", str(err), tuple(pipeline.name for pipeline in self._pipelines))
                continue
            for stage, progress in self._progress(statuses).items():
                if moved.get(stage, (None, 0.0))[0] != progress:
                    moved[stage] = (progress, now)
            now_hung = {stage for stage, (_, at) in moved.items() if now - at > limit_s}
            if now_hung - hung:
                log.error("stage hung stages=%s limit_s=%.0f", ",".join(sorted(now_hung)), limit_s)
            hung = now_hung
            if not hung:
                self._notifier.ping()
            self._show(hung, statuses, spool)
            if now - pruned_at > PRUNE_EVERY_S:
                pruned_at = now
                self._prune()
            if until_done and self._is_done():
                for dispatcher in self._dispatchers:
                    dispatcher.drain(HUNG_S)
                return

    def _progress(self, statuses: Sequence[DispatchStatus]) -> dict[str, int]:
        """A number for each stage that grows while the stage moves.

        A camera that can hang has a deadline of its own in its child process, and one that has nothing to show is no fault. An output that
        waits for its other side has deadlines of its own, however long these are.
        """
        moved = [route.waits() + status.progress for route, status in zip(self._routes, statuses, strict=True)]
        return {"inspect": self._turns} | self._answering.progress | {f"output-{i}": number for i, number in enumerate(moved)}

    def _is_done(self) -> bool:
        return not any(pipeline.thread.is_alive() or pipeline.slot.waiting for pipeline in self._pipelines) and not self._captured.is_set()

    def _show(self, hung: set[str], statuses: Sequence[DispatchStatus], spool: SpoolStatus) -> None:
        for pipeline in self._pipelines:
            self._metrics.dropped.labels(pipeline.name).set(pipeline.slot.dropped)
            self._show_troubles(pipeline.name, pipeline.camera.troubles() if pipeline.switch.is_on else ())
        for route, status in zip(self._routes, statuses, strict=True):
            self._metrics.backlog.labels(route.name).set(status.backlog)
            self._metrics.nobody_listens.labels(route.name).set(status.nobody_listens)
        self._metrics.spool_bytes.set(spool.used_bytes)
        self._metrics.spool_full.set(self._cannot_commit is not None)
        self._metrics.resident_bytes.set(resident_bytes())
        everyone = tuple(pipeline.name for pipeline in self._pipelines)
        troubles: list[tuple[str | None, tuple[str, ...]]] = [
            (self._cannot_commit, everyone),
            (f"the spool was damaged, its numbers begin anew: the old one is {spool.moved_aside}" if spool.moved_aside else None, everyone),
            *((text, (name,)) for name, text in self._camera_errors.items()),
            *((f"station {name}: {each.detail}", (name,)) for name, some in self._troubles.items() for each in some),
            *((status.last_error, route.stations) for route, status in zip(self._routes, statuses, strict=True)),
            (self._trouble(), everyone),
            (self._show_evidence(), everyone),
            *((route.complaint(), route.stations) for route in self._routes),
            *((f"{stage} is hung", everyone) for stage in sorted(hung)),
            *(
                (f"station {one.name} is switched off: nothing is inspected there", (one.name,))
                for one in self._pipelines
                if not one.switch.is_on
            ),
        ]
        concerned = {name for text, names in troubles if text for name in names}
        why = next((text for text, _ in troubles if text), None)
        self._report_status("degraded" if why else "online", why, tuple(name for name in everyone if name in concerned))

    def _show_evidence(self) -> str | None:
        """Show the figures of kept pictures; why none are kept now, if so."""
        if self._evidence is None:
            return None
        trouble = self._evidence.trouble()
        self._metrics.evidence_bytes.set(self._evidence.used_bytes)
        self._metrics.evidence_kept.set(self._evidence.kept)
        self._metrics.evidence_dropped.set(self._evidence.dropped)
        self._metrics.evidence_trouble.set(trouble is not None)
        return trouble

    def _show_troubles(self, station: str, troubles: tuple[Trouble, ...]) -> None:
        """Say what is wrong with a camera when that changes: in the log, in a metric and in the station's state."""
        before = self._troubles.get(station, ())
        if troubles == before:
            return
        self._troubles[station] = troubles
        self._trouble_log.show(station, before, troubles)
        self._metrics.camera_troubles.labels(station).set(len(troubles))
        for route in self._routes:
            if route.set_troubles is not None and station in route.stations:
                route.set_troubles(station, troubles)

    def _ask(self, request: TriggerRequest) -> Taken:
        """Take a request of another program; in the thread of an output."""
        requests = next((one.requests for one in self._pipelines if one.name == request.station), None)
        became: Taken = "untriggered" if requests is None else requests.ask(request)
        self._metrics.trigger_requests.labels(request.station, became).inc()
        return became

    def _switch(self, station: str, on: bool) -> None:  # noqa: FBT001 -- handed on as a plain function
        """Switch a station on or off for another program; in the thread of an output."""
        for pipeline in self._pipelines:
            if pipeline.name == station and pipeline.turn(on=on):
                log.info("switched station=%s on=%s", station, on)
                self._show_switch(pipeline)

    def _show_switch(self, pipeline: StationPipeline) -> None:
        self._metrics.enabled.labels(pipeline.name).set(pipeline.switch.is_on)
        for route in self._routes:
            if pipeline.name in route.stations:
                route.set_enabled(pipeline.name, pipeline.switch.is_on, pipeline.switch.since)

    def _report_status(self, state: BoxState, why: str | None = None, stations: tuple[str, ...] = ()) -> None:
        if (state, why, stations) == self._reported:
            return
        if state != self._reported[0]:
            self._since = datetime.now(timezone.utc)
        self._reported, text = (state, why, stations), why or (ALL_WELL if state == "online" else state)
        log.info("status %s: %s", state, text)
        self._notifier.status(text)
        for route in self._routes:
            if route.set_status is not None:
                route.set_status(BoxStatus(state, self._since, why, stations))

    def _prune(self) -> None:
        try:
            self._spool.prune()
        except SpoolError as err:
            log.warning("pruning failed error=%r", str(err))

    def _capture(self, pipeline: StationPipeline) -> None:
        """The thread of a camera."""
        try:
            pipeline.feed(stopping=self._stopping, captured=self._captured)
        except Exception as err:
            self._camera_errors[pipeline.name] = (
                f"the camera of {pipeline.name} ended with {type(err).__name__}: start the daemon again and report this as a bug"
            )
            log.exception("camera thread ended station=%s", pipeline.name)
        finally:
            log.info("camera ended station=%s", pipeline.name)

    def _work(self) -> None:
        """The worker's thread: inspects what the slots hold, station after station."""
        while not self._stopping.is_set():
            self._turns += 1
            if not self._captured.wait(IDLE_S):
                continue
            try:
                for pipeline in self._pipelines:
                    capture = pipeline.take()
                    if capture is not None:
                        self._inspect(pipeline, capture)
            except Exception:
                log.exception("inspecting failed")  # a bug of ours: the line goes on with the next picture
            if not any(pipeline.slot.waiting for pipeline in self._pipelines):
                self._captured.clear()
                if any(pipeline.slot.waiting for pipeline in self._pipelines):
                    self._captured.set()

    def _inspect(self, pipeline: StationPipeline, capture: Capture) -> None:
        inspection = pipeline.inspector.inspect(capture)
        requests, began_ns = pipeline.requests, time.monotonic_ns()
        if requests is None:
            self._store(inspection, capture, self._moved)
        elif requests.claim(capture):  # else it was answered at its deadline
            self._store(inspection, capture, self._moved)
            requests.answered(time.monotonic_ns() - began_ns)

    def _answer(self, inspection: Inspection, capture: Capture) -> None:
        """Answer a request without a judgement, in the thread that watches the deadlines."""
        self._store(inspection, capture, self._answering.moved)

    def _store(self, inspection: Inspection, capture: Capture, moved: Callable[[], None]) -> None:
        started = time.monotonic()
        committed = self._commit(inspection, capture.file, moved)
        if committed is None:
            return
        if self._evidence is not None:
            self._evidence.offer(committed, capture)
        self._offer(committed, capture)
        self._metrics.count(replace(committed, timings_ms=(*committed.timings_ms, ("commit", (time.monotonic() - started) * 1e3))))
        for dispatcher in self._dispatchers:
            dispatcher.wake()
        if committed.request_id is not None:
            for route in self._routes:
                if committed.station in route.stations:
                    route.answer(committed)

    def _moved(self) -> None:
        self._turns += 1

    def _commit(self, inspection: Inspection, file: PictureFile | None, moved: Callable[[], None]) -> Inspection | None:
        """Commit an inspection, however long that takes; None if the daemon is stopped first. A verdict that had to wait is a FAULT.

        Two threads commit, and ids grow with the sequence numbers: so the id is made here, where the turn of each is known, and made
        again when the other one had a turn while this one is surely not committed. Else it stays: the same verdict may be there already.

        `moved` is called while it is tried again: that is no standstill.
        """
        needs_id = was_encodable = True
        while True:
            moved()
            try:
                with self._in_order:
                    if needs_id:
                        inspection, needs_id = replace(inspection, id=self._new_id()), False
                    named = inspection if self._evidence is None else self._evidence.named(inspection)
                    committed = self._spool.commit(named, file=file)
            except MessageError as err:
                log.exception("encoding failed id=%s station=%s source=%r", inspection.id, inspection.station, inspection.source)
                if not was_encodable:  # nothing is left that could be left out
                    return None
                needs_id, was_encodable = True, False
                inspection = unencodable(inspection, str(err))
            except SpoolError as err:
                needs_id, self._cannot_commit = isinstance(err, SpoolFullError), str(err)
                inspection = uncommitted(inspection, str(err))
                if self._stopping.wait(RETRY_COMMIT_S):
                    what = (inspection.id, inspection.station, inspection.source)
                    # Without a trace: the status has shown what the spool says.
                    log.error("verdict not given, the spool takes nothing id=%s station=%s source=%s", *what)  # noqa: TRY400
                    return None
            else:
                self._cannot_commit = None
                return committed

    def _stop(self) -> None:
        """End every thread; what is committed but not delivered stays in the spool."""
        began_at = time.monotonic()
        self._notifier.stopping()
        self._report_status("stopping")
        self._stopping.set()
        self._captured.set()
        for pipeline in self._pipelines:
            pipeline.camera.close()
            pipeline.slot.close()
        self._answering.close()
        threads: list[threading.Thread | Answering] = [self._worker, self._answering, *(pipeline.thread for pipeline in self._pipelines)]
        for thread in threads:
            thread.join(max(0.0, began_at + STOP_S - time.monotonic()))
        until = time.monotonic() + DRAIN_S
        for dispatcher in self._dispatchers:
            with contextlib.suppress(SpoolError):  # a spool that cannot be read must not keep the threads alive
                if dispatcher.status().last_error is None:
                    dispatcher.drain(max(0.0, until - time.monotonic()))
        stop_all(self._dispatchers, min(STOP_S, max(1.0, began_at + END_S - time.monotonic())))
        log.info("stopped stations=%s", ",".join(pipeline.name for pipeline in self._pipelines))
