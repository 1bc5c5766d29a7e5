from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.daemon.drifting import Drifting
from edge.daemon.metrics import Metrics
from edge.drift.state_file import read_counted
from edge.records import Inspection
from edge.sinks import DriftEvent, SinkRoute
from edge.sinks.memory import MemorySink
from edge.sinks.mqtt.replay_topic import ReplayTopic
from edge.sinks.mqtt.wire import DriftEventMessage
from firmware_config.station import Station
from tests.support.counted_windows import BEGIN, SHIFT, inspected
from tests.support.running_daemon import Counting
from tests.support.sample_records import station

WATCHED = station("cell-01", drift={"min_parts": 20, "reference_windows": 14})
PARTS = 100
QUIET, UNEVEN = 20, 60


class Referred(str):  # noqa: SLOT000 -- UserString is no str; slots would take the weak reference away
    """Text that can be referred to weakly."""


class Told:
    """An output that keeps what it is told, and says when something comes."""

    def __init__(self, stations: tuple[str, ...]) -> None:
        self.events: list[DriftEvent] = []
        self.came = threading.Event()
        self.route = SinkRoute("memory", stations, MemorySink(), tell=self._take)

    def _take(self, event: object) -> None:
        assert isinstance(event, DriftEvent)
        self.events.append(event)
        self.came.set()


@contextmanager
def following(path: Path, told: Told, metrics: Metrics, *, now: datetime, watched: Station = WATCHED) -> Iterator[Drifting]:
    drifting = Drifting(path, stations=lambda: [watched], routes=lambda: [told.route], metrics=metrics, zone=timezone.utc, now=lambda: now)
    drifting.start()
    try:
        yield drifting
    finally:
        drifting.close(30)


def shifts(first: int, last: int, *, uneven: int) -> Iterator[Inspection]:
    return (inspected(shift, number, uneven=uneven) for shift in range(first, last) for number in range(PARTS))


def test_a_change_is_told_to_the_outputs_of_the_station_over_a_restart(tmp_path: Path) -> None:
    told, other, metrics = Told(("cell-01",)), Told(("cell-09",)), Metrics()
    path = tmp_path / "drift.json"
    with following(path, told, metrics, now=BEGIN + 14 * SHIFT) as drifting:
        for each in shifts(0, 14, uneven=QUIET):
            drifting.offer(each)
    assert len(read_counted(path)["cell-01"].windows) == 14
    assert told.events == []

    with following(path, told, metrics, now=BEGIN + 16 * SHIFT) as drifting:
        for each in shifts(14, 16, uneven=UNEVEN):
            drifting.offer(each)
        assert told.came.wait(30)

    (event,) = told.events
    assert (event.station, event.number) == ("cell-01", 2)
    assert "since Friday 6 Nov 22:00 'uneven light' three times as often on cell-01 (120 of 200, before 280 of 1400)" in event.text
    assert metrics.registry.get_sample_value("kotoba_drift_changed", {"station": "cell-01"}) == 2
    assert metrics.registry.get_sample_value("kotoba_drift_changes_total", {"station": "cell-01"}) == 2
    assert metrics.registry.get_sample_value("kotoba_drift_reference_windows", {"station": "cell-01"}) == 14
    assert other.events == []

    topic = ReplayTopic()
    topic.tell(event)
    said = topic.next_event()
    assert said is not None
    message = DriftEventMessage.model_validate_json(said)
    assert [(change.word, change.count, change.count_before) for change in message.changes] == [
        (change.word.text, change.count, change.before) for change in event.changes
    ]
    assert json.loads(said)["changes"][0]["since"] == "2026-11-06T22:00:00.000Z"


def test_other_models_begin_a_new_reference_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with following(tmp_path / "drift.json", Told(("cell-01",)), Metrics(), now=BEGIN + 4 * SHIFT) as drifting:
        for each in [*shifts(0, 2, uneven=QUIET), *(replace(one, models_digest="sha256:other") for one in shifts(2, 4, uneven=QUIET))]:
            drifting.offer(each)
    assert len(read_counted(tmp_path / "drift.json")["cell-01"].windows) == 2
    assert caplog.text.count("words are counted anew") == 1


def test_a_bug_is_logged_once_and_keeps_no_inspection_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    turns = Counting()
    kept = [Referred(str(number)) for number in range(3)]
    waiting = [weakref.ref(each) for each in kept]

    def broken() -> list[Station]:
        turns.add()
        msg = "it is broken"
        raise RuntimeError(msg)

    drifting = Drifting(tmp_path / "drift.json", stations=broken, routes=list, metrics=Metrics())
    drifting.start()
    while kept:
        drifting.offer(replace(inspected(0, len(kept), uneven=0), detail=kept.pop()))
    assert turns.wait_for(2)
    drifting.close(30)

    assert caplog.text.count("counting words failed") == 1
    assert [reference() for reference in waiting] == [None] * 3


def test_a_damaged_file_is_moved_aside_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "drift.json"
    path.write_bytes(b"{")
    with following(path, Told(("cell-01",)), Metrics(), now=BEGIN + SHIFT) as drifting:
        for each in shifts(0, 1, uneven=QUIET):
            drifting.offer(each)
    assert path.with_name("drift.json.damaged").read_bytes() == b"{"
    assert "words counted so far are lost" in caplog.text
    assert len(read_counted(path)["cell-01"].windows) == 1


def test_a_station_that_is_not_watched_is_not_counted(tmp_path: Path) -> None:
    metrics = Metrics()
    watched = station("cell-01", drift={"watch": False})
    with following(tmp_path / "drift.json", Told(("cell-01",)), metrics, now=BEGIN + SHIFT, watched=watched) as drifting:
        for each in shifts(0, 1, uneven=QUIET):
            drifting.offer(each)
    assert read_counted(tmp_path / "drift.json") == {}
    assert metrics.registry.get_sample_value("kotoba_drift_changed", {"station": "cell-01"}) is None


def test_a_folder_that_takes_no_file_does_not_end_the_counting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = Told(("cell-01",))
    with following(tmp_path / "gone" / "drift.json", told, Metrics(), now=BEGIN + 16 * SHIFT) as drifting:
        for each in [*shifts(0, 14, uneven=QUIET), *shifts(14, 16, uneven=UNEVEN)]:
            drifting.offer(each)
        assert told.came.wait(30)
    assert caplog.text.count("counted words are not saved") == 1
