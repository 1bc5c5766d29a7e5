"""A daemon with one station that is triggered over MQTT: a camera that runs freely, and a judge that can be made to hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.records import Capture, Description, Frame, Scores, Taken, TriggerRequest, Trouble, Words
from edge.sinks import Commands, open_sinks
from edge.spool.store import Spool
from edge.triggers.requests import LEAST_TRANSIT_NS
from tests.support.mosquitto import Mosquitto
from tests.support.picture_files import gradient
from tests.support.running_daemon import running
from tests.support.sample_records import BUNDLE, MODELS, MOMENT, description, scores, station

ROOT_TOPIC = "plant/line/cell-01"
PERIOD_S = 0.02


class FreeCamera:
    """Gives a picture each 20 ms, its number is its source. `stalled` while it gives none; `lives` counts how often it was opened."""

    def __init__(self) -> None:
        self.stalled, self._closed = threading.Event(), threading.Event()
        self.lives = self.given = 0
        self.let_go = threading.Event()
        self.taken_ns: dict[str, int] = {}
        self.held_up: set[str] = set()
        """Pictures that a busy machine held up for longer than the box waits for them."""

    def frames(self) -> Generator[Capture, None, None]:
        self.lives += 1
        self.let_go.clear()
        try:
            while not self._closed.wait(PERIOD_S):
                if self.stalled.is_set():
                    continue
                self.given += 1
                source, now_ns = str(self.given), time.monotonic_ns()
                self.taken_ns[source] = now_ns
                yield Frame(gradient(), MOMENT, now_ns, "cell-01", self.given, source)
                if time.monotonic_ns() - now_ns >= LEAST_TRANSIT_NS:
                    self.held_up.add(source)
        finally:
            self.let_go.set()

    def troubles(self) -> tuple[Trouble, ...]:
        return ()

    def close(self) -> None:
        self._closed.set()


class HangingJudge:
    """Hangs while `hangs` is set, until `released`; `reached` says that it does."""

    def __init__(self) -> None:
        self.hangs, self.reached, self.released = threading.Event(), threading.Event(), threading.Event()

    def score(self, words: Words) -> Scores:  # noqa: ARG002 -- the seam's signature
        if self.hangs.is_set():
            self.reached.set()
            assert self.released.wait(60)
        return scores()


class AnyDescriber:
    """The same words for each picture."""

    def describe(self, frame: Frame) -> Description:  # noqa: ARG002 -- the seam's signature
        return description()


class TriggeredBox:
    """Its parts, and the requests as they arrived."""

    def __init__(self, folder: Path, broker: Mosquitto, *, protocol: str = "5", deadline_ms: int = 20_000) -> None:
        self.camera, self.judge, self.metrics = FreeCamera(), HangingJudge(), Metrics()
        self.arrived: dict[str, TriggerRequest] = {}
        output = {"host": "127.0.0.1", "port": broker.port, "protocol": protocol, "keepalive_s": 2}
        cell = station(
            camera={"kind": "v4l2", "device": "/dev/none"},
            trigger={"kind": "mqtt", "deadline_ms": deadline_ms},
            outputs={"mqtt": output},
        )
        inspector = Inspector(cell, describer=AnyDescriber(), judge=self.judge, limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS)
        self.spool = Spool(folder / "spool.sqlite", ballast_bytes=65_536)
        (route,) = open_sinks([cell], box="box1", info={})
        self._obey = route.obey
        self.pipeline = StationPipeline(cell, self.camera, inspector, live=True)
        routes = [replace(route, obey=self._listen)]
        self.daemon = Daemon([self.pipeline], spool=self.spool, routes=routes, metrics=self.metrics, notifier=Notifier({}))

    def nearest(self, request_id: str) -> str:
        """The frame nearest to the arrival of a request, of all that the camera gave."""
        return self.nearest_first(request_id)[0]

    def nearest_first(self, request_id: str) -> list[str]:
        """The frames by how near they are to the arrival of a request."""
        at_ns = self.arrived[request_id].arrived_ns
        return sorted(self.camera.taken_ns, key=lambda source: abs(self.camera.taken_ns[source] - at_ns))

    def is_right(self, request_id: str, source: str) -> bool:
        """Whether a request has the frame nearest to it, or the next one where that was held up."""
        nearer = self.nearest_first(request_id)
        return set(nearer[: nearer.index(source)]) <= self.camera.held_up

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            with running(self.daemon):
                yield
        finally:
            self.judge.released.set()
            self.spool.close()

    def _listen(self, commands: Commands) -> None:
        def ask(request: TriggerRequest) -> Taken:
            self.arrived.setdefault(request.request_id, request)
            return commands.ask(request)

        self._obey(Commands(ask, commands.switch))
