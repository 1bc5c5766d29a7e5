from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from edge.cameras.memory import MemoryCamera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.records import TriggerRequest
from edge.sinks import BoxStatus, Commands, SinkRoute
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from tests.support.running_daemon import PATIENCE_S, pipeline, running


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool.sqlite", ballast_bytes=65_536)
    yield opened
    opened.close()


class Consumer:
    """The other side of a route: what it is told, and the commands that it may give."""

    def __init__(self) -> None:
        self.statuses: queue.SimpleQueue[BoxStatus] = queue.SimpleQueue()
        self.enabled: list[tuple[str, bool, datetime]] = []
        self.commands: queue.SimpleQueue[Commands] = queue.SimpleQueue()
        self.complaints: list[str] = []

    def route(self) -> SinkRoute:
        return SinkRoute(
            "memory",
            ("cell-01",),
            MemorySink(),
            set_status=self.statuses.put,
            set_enabled=lambda *said: self.enabled.append(said),
            obey=self.commands.put,
            complaint=lambda: self.complaints[-1] if self.complaints else None,
        )

    def next_status(self) -> BoxStatus:
        return self.statuses.get(timeout=PATIENCE_S)


def test_a_station_that_is_switched_off_is_said_everywhere_until_it_is_on(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    consumer, metrics = Consumer(), Metrics()
    cell = pipeline(MemoryCamera([], hold=True), [])
    daemon = Daemon([cell], spool=spool, routes=[consumer.route()], metrics=metrics, notifier=Notifier({}))

    with caplog.at_level("INFO"), running(daemon):
        commands = consumer.commands.get(timeout=PATIENCE_S)
        off_and_on = [False, False, True]
        for enabled in off_and_on[:2]:
            commands.switch("cell-01", enabled)
        off, shown = consumer.next_status(), gauge(metrics)
        commands.switch("cell-01", off_and_on[2])
        back = consumer.next_status()

    assert (off.state, off.why, off.stations) == (
        "degraded",
        "station cell-01 is switched off: nothing is inspected there",
        ("cell-01",),
    )
    assert back.state == "online"
    assert [said[:2] for said in consumer.enabled] == [("cell-01", True), ("cell-01", False), ("cell-01", True)]
    assert (shown, gauge(metrics)) == (0, 1)
    logged = [record.getMessage() for record in caplog.records if record.getMessage().startswith("switched")]
    assert logged == ["switched station=cell-01 on=False", "switched station=cell-01 on=True"]


def gauge(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("kotoba_enabled", {"station": "cell-01"})


def test_a_broker_that_lets_no_command_through_is_said(spool: Spool) -> None:
    consumer = Consumer()
    consumer.complaints.append("the broker lets the box not subscribe")
    daemon = Daemon(
        [pipeline(MemoryCamera([], hold=True), [])], spool=spool, routes=[consumer.route()], metrics=Metrics(), notifier=Notifier({})
    )
    with running(daemon):
        status = consumer.next_status()
    assert (status.state, status.why, status.stations) == ("degraded", "the broker lets the box not subscribe", ("cell-01",))


def test_a_station_without_requests_takes_none(spool: Spool) -> None:
    consumer, metrics = Consumer(), Metrics()
    route = replace(consumer.route(), set_status=None)
    with running(Daemon([pipeline(MemoryCamera([], hold=True), [])], spool=spool, routes=[route], metrics=metrics, notifier=Notifier({}))):
        became = consumer.commands.get(timeout=PATIENCE_S).ask(TriggerRequest("cell-01", "r1", None, 0))
    counted = metrics.registry.get_sample_value("kotoba_trigger_requests_total", {"station": "cell-01", "became": "untriggered"})
    assert (became, counted) == ("untriggered", 1)
