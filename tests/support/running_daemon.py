"""A daemon in a thread, and the parts around it that can be made to fail and that say when they were used."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.describers.scripted import ScriptedDescriber
from edge.errors import DeliveryError
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.interfaces import Camera, Describer, Judge
from edge.judges.scripted import ScriptedJudge
from edge.records import Capture, Description, Frame, Inspection, Scores, Trouble, Words
from edge.sinks import SinkRoute
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from tests.support.sample_records import BUNDLE, MODELS, description, scores, station

PATIENCE_S = 30.0


class Counting:
    """Waits for the nth call of something, instead of sleeping."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0

    def add(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, PATIENCE_S)


class WatchedSink(MemorySink):
    """Says when something has arrived; `broken` while the other side is down."""

    def __init__(self) -> None:
        super().__init__(trouble=self._trouble)
        self.arrived, self.failed = Counting(), Counting()
        self.broken = False

    def _trouble(self, _: Inspection) -> DeliveryError | None:
        if self.broken:
            self.failed.add()
            return DeliveryError("delivering to nowhere: it is down: bring it back")
        return None

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        for inspection in super().deliver(inspections):
            self.arrived.add()
            yield inspection


class HungModel:
    """A judge or a describer that hangs until it is let go."""

    def __init__(self) -> None:
        self.hangs, self.released = threading.Event(), threading.Event()

    def score(self, words: Words) -> Scores:  # noqa: ARG002 -- the seam's signature
        self.hangs.set()
        self.released.wait(PATIENCE_S)
        return scores()

    def describe(self, frame: Frame) -> Description:  # noqa: ARG002 -- the seam's signature
        self.hangs.set()
        self.released.wait(PATIENCE_S)
        return description()


class DeadCamera:
    """Never gives a picture."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def frames(self) -> Iterator[Capture]:
        self._closed.wait()
        yield from ()

    def troubles(self) -> tuple[Trouble, ...]:
        return ()

    def close(self) -> None:
        self._closed.set()


def pipeline(
    camera: Camera,
    sources: Sequence[str],
    *,
    judge: Judge | None = None,
    describer: Describer | None = None,
    name: str = "cell-01",
    live: bool = False,
) -> StationPipeline:
    describer = describer or ScriptedDescriber({source: description() for source in sources})
    inspector = Inspector(
        station(name),
        describer=describer,
        judge=judge or ScriptedJudge(lambda _: scores()),
        limits=Limits(),
        bundle_digest=BUNDLE,
        models_digest=MODELS,
    )
    return StationPipeline(station(name), camera, inspector, live=live)


@contextmanager
def running(daemon: Daemon) -> Iterator[threading.Event]:
    """The daemon in a thread, stopped at the end."""
    stop = threading.Event()
    thread = threading.Thread(target=daemon.run, args=(stop,), name="daemon")
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def daemon_of(
    pipelines: Sequence[StationPipeline],
    spool: Spool,
    sink: MemorySink,
    *,
    notifier: Notifier | None = None,
    metrics: Metrics | None = None,
) -> Daemon:
    route = SinkRoute("memory", tuple(each.name for each in pipelines), sink)
    return Daemon(pipelines, spool=spool, routes=[route], metrics=metrics or Metrics(), notifier=notifier or Notifier({}))
