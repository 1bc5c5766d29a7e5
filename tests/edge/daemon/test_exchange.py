"""Stations and outputs that are exchanged in a running daemon: the others go on, and nothing that was taken is lost."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge.cameras.memory import MemoryCamera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.errors import SpoolError
from edge.records import Capture, Inspection
from edge.sinks import Commands, SinkRoute
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from tests.support.running_daemon import PATIENCE_S, HungModel, WatchedSink, pipeline, running
from tests.support.sample_records import frames


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool.sqlite", ballast_bytes=65_536)
    yield opened
    opened.close()


class Line:
    """A camera that gives a picture when it is told to."""

    def __init__(self, name: str) -> None:
        self.name, self.lives = name, 0
        self._may, self._closed = threading.Semaphore(0), threading.Event()

    def captures(self, sources: list[str]) -> Iterator[Capture]:
        self.lives += 1
        for capture in frames(sources, name=self.name):
            self._may.acquire(timeout=PATIENCE_S)
            if self._closed.is_set():
                return
            yield capture

    def next(self) -> None:
        self._may.release()


class LineCamera(MemoryCamera):
    """The camera of a line."""

    def __init__(self, line: Line, sources: list[str]) -> None:
        super().__init__(line.captures(sources), hold=True)
        self._line = line

    def close(self) -> None:
        super().close()
        self._line._closed.set()  # noqa: SLF001 -- its own
        self._line.next()


SOURCES = [f"{number}.png" for number in range(9)]


def cell(name: str) -> tuple[Line, StationPipeline]:
    line = Line(name)
    return line, pipeline(LineCamera(line, SOURCES), SOURCES, name=name)


def route(sink: MemorySink, *names: str) -> SinkRoute:
    return SinkRoute("memory", names, sink)


def sources_of(inspections: Sequence[Inspection], name: str) -> list[str]:
    return [each.source for each in inspections if each.station == name]


def daemon_with(spool: Spool, pipelines: list[StationPipeline], routes: list[SinkRoute], metrics: Metrics | None = None) -> Daemon:
    return Daemon(pipelines, spool=spool, routes=routes, metrics=metrics or Metrics(), notifier=Notifier({}))


def test_the_other_station_goes_on_with_its_camera_and_the_changed_one_begins_anew(spool: Spool) -> None:
    (steady, one), (old, two) = cell("cell-01"), cell("cell-02")
    new, three = cell("cell-02")
    sink = WatchedSink()
    daemon = daemon_with(spool, [one, two], [route(sink, "cell-01", "cell-02")])
    with running(daemon):
        for line in (steady, old):
            line.next()
        assert sink.arrived.wait_for(2)
        daemon.exchange([one, three], [route(sink, "cell-01", "cell-02")])
        for line in (steady, new):
            line.next()
        assert sink.arrived.wait_for(4)
    assert sources_of(sink.inspections, "cell-01") == ["0.png", "1.png"]
    assert sources_of(sink.inspections, "cell-02") == ["0.png", "0.png"]
    assert [each.seq for each in sink.inspections if each.station == "cell-02"] == [1, 2]
    assert (steady.lives, old.lives, new.lives) == (1, 1, 1)
    assert not two.thread.is_alive()


def test_what_a_station_that_goes_has_taken_is_judged_and_delivered(spool: Spool) -> None:
    judge, sink = HungModel(), WatchedSink()
    sources = ["a.png", "b.png"]
    leaving = pipeline(MemoryCamera(frames(sources, name="cell-01"), hold=True), sources, judge=judge, name="cell-01")
    _, staying = cell("cell-02")
    other = MemorySink()
    daemon = daemon_with(spool, [leaving, staying], [route(sink, "cell-01"), route(other, "cell-02")])
    with running(daemon):
        assert judge.hangs.wait(PATIENCE_S)
        exchanging = threading.Thread(target=daemon.exchange, args=([staying], [route(other, "cell-02")]))
        exchanging.start()
        judge.released.set()
        exchanging.join(PATIENCE_S)
        assert sources_of(sink.inspections, "cell-01") == sources[: len(sink.inspections)]
        assert sink.inspections


def test_an_output_that_comes_later_gets_what_is_committed_from_then_on_and_one_that_goes_is_closed(spool: Spool) -> None:
    line, one = cell("cell-01")
    first, second = WatchedSink(), WatchedSink()
    daemon = daemon_with(spool, [one], [route(first, "cell-01")])
    with running(daemon):
        line.next()
        assert first.arrived.wait_for(1)
        daemon.exchange([one], [SinkRoute("other", ("cell-01",), second)])
        line.next()
        assert second.arrived.wait_for(1)
    assert sources_of(first.inspections, "cell-01") == ["0.png"]
    assert sources_of(second.inspections, "cell-01") == ["1.png"]


def test_a_broker_that_moved_gets_what_the_one_before_did_not_take(spool: Spool) -> None:
    line, one = cell("cell-01")
    first, second = WatchedSink(), WatchedSink()
    first.broken = True
    daemon = daemon_with(spool, [one], [route(first, "cell-01")])
    with running(daemon):
        line.next()
        assert first.failed.wait_for(1)
        daemon.exchange([one], [route(second, "cell-01")])
        assert second.arrived.wait_for(1)
    assert not first.inspections
    assert sources_of(second.inspections, "cell-01") == ["0.png"]


def test_a_station_that_is_switched_off_stays_off(spool: Spool) -> None:
    obeyed: queue.SimpleQueue[Commands] = queue.SimpleQueue()
    said: list[tuple[str, bool]] = []
    _, one = cell("cell-01")
    new, two = cell("cell-01")
    sink = WatchedSink()
    shown = replace(route(sink, "cell-01"), obey=obeyed.put, set_enabled=lambda name, on, _: said.append((name, on)))
    daemon = daemon_with(spool, [one], [shown])
    with running(daemon):
        commands = obeyed.get(timeout=PATIENCE_S)
        commands.switch("cell-01", False)  # noqa: FBT003 -- as others call it
        daemon.exchange([two], [shown])
        assert not two.switch.is_on
        assert new.lives == 0
        commands.switch("cell-01", True)  # noqa: FBT003
        new.next()
        assert sink.arrived.wait_for(1)
    assert said[-1] == ("cell-01", True)


def test_the_figures_of_a_station_that_is_gone_are_shown_no_more(spool: Spool) -> None:
    (line, one), (_, two) = cell("cell-01"), cell("cell-02")
    sink, metrics = WatchedSink(), Metrics()
    daemon = daemon_with(spool, [one, two], [route(sink, "cell-01", "cell-02")], metrics)
    with running(daemon):
        line.next()
        assert sink.arrived.wait_for(1)
        daemon.exchange([two], [route(sink, "cell-02")])
        values = metrics.registry.get_sample_value
        assert values("kotoba_enabled", {"station": "cell-01"}) is None
        assert values("kotoba_enabled", {"station": "cell-02"}) == 1
        assert values("kotoba_inspections_total", {"station": "cell-01", "decision": "OK"}) == 1


def test_a_spool_that_takes_no_change_leaves_all_as_it_was(spool: Spool, tmp_path: Path) -> None:
    line, one = cell("cell-01")
    _, two = cell("cell-01")
    closed = Spool(tmp_path / "closed.sqlite", ballast_bytes=65_536)
    sink = WatchedSink()
    daemon = daemon_with(spool, [one], [route(sink, "cell-01")])

    class Refusing:
        """The spool, but for what an exchange asks first."""

        def __getattr__(self, name: str) -> object:
            return getattr(closed if name == "register_sinks" else spool, name)

    with running(daemon):
        line.next()
        assert sink.arrived.wait_for(1)
        closed.close()
        daemon._spool = Refusing()  # type: ignore[assignment]  # noqa: SLF001 -- a disk that fails from now on
        with pytest.raises(SpoolError):
            daemon.exchange([two], [route(sink, "cell-01")])
        daemon._spool = spool  # noqa: SLF001
        line.next()
        assert sink.arrived.wait_for(2)
    assert sources_of(sink.inspections, "cell-01") == ["0.png", "1.png"]


def test_an_exchange_after_the_end_begins_nothing(spool: Spool) -> None:
    _, one = cell("cell-01")
    late, two = cell("cell-01")
    daemon = daemon_with(spool, [one], [route(MemorySink(), "cell-01")])
    with running(daemon):
        pass
    daemon.exchange([two], [])
    assert late.lives == 0
    assert two.thread.ident is None
