"""The daemon: cameras to slots, slots to inspectors, inspections to the spool, spool to sinks. `startup.py` puts them together."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge.daemon.answering import Answering
from edge.daemon.committing import Committing
from edge.daemon.dispatcher import Dispatcher, stop_all
from edge.daemon.health import END_S, Health
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.reporting import Reporting
from edge.daemon.sd_notify import Notifier
from edge.errors import SpoolError
from edge.evidence.keeper import EvidenceKeeper
from edge.records import Capture, Inspection, Taken, TriggerRequest
from edge.sinks import Commands, SinkRoute, stations_by_sink
from edge.spool.store import Spool
from edge.triggers import STOPPING

log = logging.getLogger(__name__)

TICK_S = 0.25
"""How often the main loop looks."""

IDLE_S = 0.2
"""How long the worker waits for a picture before it shows that it is alive."""

HUNG_S = 30.0
"""A stage that has not moved for this long is hung, where systemd does not say (WatchdogSec)."""

PRUNE_EVERY_S = 600.0
DRAIN_S = 1.5
"""At the end the outputs get this long to take what is committed; the rest stays in the spool."""

STOP_S = 2.0
"""All threads of cameras and judging together get this long, then all outputs together as much as is left of END_S, at least a second."""

CHANGE_S = 1.0
"""At the end an exchange under way gets this long."""

EMPTY_LOOK_S = 0.01
"""How often an exchange looks whether a station that goes has been judged to the end."""

EXCHANGED = "station {} is started again with changed settings: trigger again"
"""The answer to requests that are open meanwhile."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a daemon runs: the stations, those that are about to go, and the outputs."""

    pipelines: tuple[StationPipeline, ...]
    leaving: tuple[StationPipeline, ...]
    dispatchers: tuple[Dispatcher, ...]

    @property
    def routes(self) -> tuple[SinkRoute, ...]:
        """The outputs' routes as they are now."""
        return tuple(dispatcher.route for dispatcher in self.dispatchers)


class Daemon:
    """Runs the stations of a box until it is stopped.

    Judging never waits for the network, capture never for judging. A verdict that cannot be committed is not given: it becomes a FAULT,
    tried again until there is room. `trouble` says what else is wrong with the box; `offer` is shown what is committed.
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
        self._spool = spool
        self._metrics = metrics
        self._notifier = notifier
        self._evidence = evidence
        self._offer = offer
        self.health = Health(limit_s=notifier.watchdog_s or HUNG_S)
        self._reporting = Reporting(metrics=metrics, notifier=notifier, trouble=trouble)
        self._stopping = threading.Event()
        self._captured = threading.Event()
        self._committing = Committing(spool, stopping=self._stopping)
        self._answering = Answering(answer=self._answer, pictures=self._captured)
        self._worker = threading.Thread(target=self._work, name="inspect", daemon=True)
        self._turns = 0
        self._inspecting: StationPipeline | None = None
        """Whose slot the worker looks into."""
        self._changing = threading.Lock()
        self._changing.acquire()  # until it runs
        self._running = Running(tuple(pipelines), (), tuple(Dispatcher(spool=spool, route=route) for route in routes))

    @property
    def running(self) -> Running:
        """What it runs now."""
        return self._running

    def run(self, stop: threading.Event, *, until_done: bool = False) -> None:
        """Run until `stop` is set; with `until_done` also end when every camera has ended and its pictures are delivered."""
        now = self._running
        self._spool.register_sinks(stations_by_sink(now.routes))
        for dispatcher in now.dispatchers:
            self._start_output(dispatcher)
        self._worker.start()
        self._answering.watch(now.pipelines)
        for pipeline in now.pipelines:
            self._start_camera(pipeline)
        self._notifier.ready()
        self._say_running("running")
        self._changing.release()
        try:
            self._watch(stop, until_done=until_done)
        finally:
            self._stop()

    def exchange(
        self, pipelines: Sequence[StationPipeline], routes: Sequence[SinkRoute], *, evidence: EvidenceKeeper | None = None
    ) -> None:
        """Run these from now on. Stations and outputs that are among those of before go on, and nobody waits for the others.

        A station goes when what it has taken is judged, and an output when it has taken what it can. Of the same destination the sink of
        before goes on. `evidence` is a keeper where there was none.

        Raises:
            SpoolError: the spool does not take it, and all is as before.
        """
        with self._changing:
            if self._stopping.is_set():
                return
            before = self._running
            self._spool.register_sinks(stations_by_sink((*before.routes, *routes)))
            self._evidence = self._evidence or evidence
            kept = [one for one in before.pipelines if one in pipelines]
            leaving = tuple(one for one in before.pipelines if one not in pipelines)
            by_name = {one.name: one for one in leaving}
            for pipeline in pipelines:
                if pipeline.name in by_name:
                    pipeline.take_over(by_name[pipeline.name])
            self._running = Running(tuple(pipelines), leaving, before.dispatchers)
            self._answering.watch((*leaving, *pipelines))
            self._see_off(leaving)
            if self._stopping.is_set():  # then nothing may begin any more
                return
            dispatchers = self._exchange_outputs(before.dispatchers, routes)
            self._running = Running(tuple(pipelines), (), dispatchers)
            self._answering.watch(pipelines)
            for name in by_name.keys() - {one.name for one in pipelines}:
                self._reporting.forget(name)
            for pipeline in pipelines:
                if pipeline not in kept:
                    self._start_camera(pipeline)
            with contextlib.suppress(SpoolError):  # then rows wait for an output that is gone, until the next start
                self._spool.register_sinks(stations_by_sink(routes))
            self._say_running("running on")

    def _see_off(self, leaving: Sequence[StationPipeline]) -> None:
        """End stations; returns when their pictures are judged and their requests answered."""
        for pipeline in leaving:
            pipeline.stop(EXCHANGED.format(pipeline.name))
        until = time.monotonic() + STOP_S
        for pipeline in leaving:
            pipeline.thread.join(max(0.0, until - time.monotonic()))
            if pipeline.thread.is_alive():
                log.warning("camera left behind, it does not let go station=%s", pipeline.name)
        while any(one is self._inspecting or not one.is_empty for one in leaving) and not self._stopping.wait(EMPTY_LOOK_S):
            self._captured.set()

    def _exchange_outputs(self, before: Sequence[Dispatcher], routes: Sequence[SinkRoute]) -> tuple[Dispatcher, ...]:
        """End the outputs that are gone, and let those with the same destination serve the stations of the new ones."""
        stays: dict[int, Dispatcher] = {}
        for number, new in enumerate(routes):
            old = next((one for one in before if _is_same_place(one.route, new) and one not in stays.values()), None)
            if old is not None:
                stays[number] = old
        served = {id(old): routes[number].stations for number, old in stays.items()}
        self._drain([one for one in before if set(one.route.stations) - set(served.get(id(one), ()))])
        stop_all([one for one in before if id(one) not in served], STOP_S)
        dispatchers = []
        for number, new in enumerate(routes):
            dispatcher = stays.get(number)
            if dispatcher is None:
                dispatcher = Dispatcher(spool=self._spool, route=new)
                self._start_output(dispatcher)
            else:
                self._serve(dispatcher, new)
            dispatchers.append(dispatcher)
        return tuple(dispatchers)

    def _serve(self, dispatcher: Dispatcher, new: SinkRoute) -> None:
        """Let an output that stays serve the stations of another route to the same place."""
        old = dispatcher.route
        if (old.stations, old.triggered) != (new.stations, new.triggered):
            old.serve(new.stations, new.triggered)
            dispatcher.serve(replace(old, stations=new.stations, triggered=new.triggered))
        if new.sink is not old.sink:
            new.sink.close()
        self._reporting.introduce(dispatcher.route, self._running.pipelines)

    def _start_output(self, dispatcher: Dispatcher) -> None:
        if self._stopping.is_set():
            return
        dispatcher.route.obey(Commands(self._ask, self._switch))
        self._reporting.introduce(dispatcher.route, self._running.pipelines)
        dispatcher.start()

    def _start_camera(self, pipeline: StationPipeline) -> None:
        if self._stopping.is_set():
            return
        self._reporting.show_switch(pipeline, ())
        pipeline.thread = threading.Thread(target=self._capture, args=(pipeline,), name=f"camera-{pipeline.name}", daemon=True)
        pipeline.thread.start()

    def _say_running(self, what: str) -> None:
        now = self._running
        names = [pipeline.name for pipeline in now.pipelines]
        log.info("%s stations=%s outputs=%s epoch=%s", what, ",".join(names), len(now.dispatchers), self._spool.epoch)

    def _watch(self, stop: threading.Event, *, until_done: bool) -> None:
        """The main loop: feeds the watchdog while every stage moves, shows the figures, prunes the spool."""
        limit_s = self._notifier.watchdog_s or HUNG_S
        moved: dict[str, tuple[int, float]] = {}
        hung: set[str] = set()
        pruned_at = time.monotonic()
        while not stop.wait(TICK_S):
            at, now = time.monotonic(), self._running
            try:
                outputs, spool = [(each.route, each.status()) for each in now.dispatchers], self._spool.status()
            except SpoolError as err:
                # While this lasts the watchdog is not fed. systemd then restarts the daemon, which examines the spool's file.
                self._reporting.report("degraded", str(err), tuple(one.name for one in now.pipelines), routes=now.routes)
                continue
            # A camera that can hang has a deadline of its own in its child process, and one that has nothing to show is no fault. An output
            # that waits for its other side has deadlines of its own, however long these are.
            progress = {"inspect": self._turns} | self._answering.progress
            progress |= {f"output-{i}": route.waits() + status.progress for i, (route, status) in enumerate(outputs)}
            moved = {
                stage: moved[stage] if moved.get(stage, (None, 0.0))[0] == number else (number, at) for stage, number in progress.items()
            }
            now_hung = {stage for stage, (_, moved_at) in moved.items() if at - moved_at > limit_s}
            if now_hung - hung:
                log.error("stage hung stages=%s limit_s=%.0f", ",".join(sorted(now_hung)), limit_s)
            hung = now_hung
            if not hung:
                self._notifier.ping()
            trouble = self._committing.trouble
            not_ready = self._reporting.show(now.pipelines, outputs, spool=spool, cannot_commit=trouble, hung=hung, evidence=self._evidence)
            self.health.moved(hung, not_ready)
            if at - pruned_at > PRUNE_EVERY_S:
                pruned_at = at
                self._prune()
            if until_done and self._is_done():
                for dispatcher in self._running.dispatchers:
                    dispatcher.drain(HUNG_S)
                return

    def _is_done(self) -> bool:
        is_busy = any(pipeline.thread.is_alive() or pipeline.slot.waiting for pipeline in self._running.pipelines)
        return not is_busy and not self._captured.is_set()

    def _ask(self, request: TriggerRequest) -> Taken:
        """Take a request of another program; in the thread of an output."""
        requests = next((one.requests for one in self._running.pipelines if one.name == request.station), None)
        became: Taken = "untriggered" if requests is None else requests.ask(request)
        self._metrics.trigger_requests.labels(request.station, became).inc()
        return became

    def _switch(self, station: str, on: bool) -> None:  # noqa: FBT001 -- handed on as a plain function
        """Switch a station on or off for another program; in the thread of an output."""
        for pipeline in self._running.pipelines:
            if pipeline.name == station and pipeline.turn(on=on):
                log.info("switched station=%s on=%s", station, on)
                self._reporting.show_switch(pipeline, self._running.routes)

    def _prune(self) -> None:
        try:
            self._spool.prune()
        except SpoolError as err:
            log.warning("pruning failed error=%r", str(err))

    def _capture(self, pipeline: StationPipeline) -> None:
        """The thread of a camera."""
        try:
            pipeline.feed(captured=self._captured)
        except Exception as err:
            pipeline.error = (
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
                for pipeline in self._at_work():
                    self._inspecting = pipeline
                    capture = pipeline.take()
                    if capture is not None:
                        self._inspect(pipeline, capture)
            except Exception:
                log.exception("inspecting failed")  # a bug of ours: the line goes on with the next picture
            self._inspecting = None
            if not any(pipeline.slot.waiting for pipeline in self._at_work()):
                self._captured.clear()
                if any(pipeline.slot.waiting for pipeline in self._at_work()):
                    self._captured.set()

    def _at_work(self) -> tuple[StationPipeline, ...]:
        now = self._running
        return (*now.leaving, *now.pipelines)

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
        evidence = self._evidence
        named = (lambda one: one) if evidence is None else evidence.named
        committed = self._committing.commit(inspection, capture.file, named=named, moved=moved)
        if committed is None:
            return
        if evidence is not None:
            evidence.offer(committed, capture)
        self._offer(committed, capture)
        self._metrics.count(replace(committed, timings_ms=(*committed.timings_ms, ("commit", (time.monotonic() - started) * 1e3))))
        now = self._running
        for dispatcher in now.dispatchers:
            dispatcher.wake()
        if committed.request_id is not None:
            for route in now.routes:
                if committed.station in route.stations:
                    route.answer(committed)

    def _moved(self) -> None:
        self._turns += 1

    def _stop(self) -> None:
        """End every thread; what is committed but not delivered stays in the spool."""
        began_at = self.health.end()
        self._notifier.stopping()
        self._reporting.report("stopping", routes=self._running.routes)
        self._stopping.set()
        self._captured.set()
        if self._changing.acquire(timeout=CHANGE_S):  # one that comes later sees that the daemon stops
            self._changing.release()
        now, at_work = self._running, self._at_work()
        for pipeline in at_work:
            pipeline.stop(STOPPING)
        self._answering.close()
        cameras = [pipeline.thread for pipeline in at_work if pipeline.thread.ident is not None]
        threads: list[threading.Thread | Answering] = [self._worker, self._answering, *cameras]
        for thread in threads:
            thread.join(max(0.0, began_at + STOP_S - time.monotonic()))
        self._drain(now.dispatchers)
        stop_all(now.dispatchers, min(STOP_S, max(1.0, began_at + END_S - time.monotonic())))
        log.info("stopped stations=%s", ",".join(pipeline.name for pipeline in now.pipelines))

    def _drain(self, dispatchers: Sequence[Dispatcher]) -> None:
        """Let outputs take what is committed, for a while; one that has a trouble is not waited for."""
        until = time.monotonic() + DRAIN_S
        for dispatcher in dispatchers:
            with contextlib.suppress(SpoolError):  # a spool that cannot be read must not keep the threads alive
                if dispatcher.status().last_error is None:
                    dispatcher.drain(max(0.0, until - time.monotonic()))


def _is_same_place(route: SinkRoute, other: SinkRoute) -> bool:
    return route.sink is other.sink or (
        route.destination is not None and (route.name, route.destination) == (other.name, other.destination)
    )
