"""Trouble of one station's camera: named everywhere, and no matter of the other stations."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import cv2
import pytest

from edge.cameras.child import ChildCamera
from edge.cameras.reader_process import Source
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.daemon.trouble_log import QUIET_S, TroubleLog
from edge.records import Decision, Inspection, Reason, Trouble
from edge.sinks import BoxStatus, SinkRoute
from edge.spool.store import Spool
from tests.support import scripted_reader as scripts
from tests.support.running_daemon import PATIENCE_S, Counting, WatchedSink, pipeline, running

ENOUGH = 100


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool.sqlite", ballast_bytes=65_536)
    yield opened
    opened.close()


def camera(station: str, program: str, *, read_ms: int) -> ChildCamera:
    source = Source(f"rtsp://{station}/line", "nowhere", cv2.CAP_ANY, (), {}, open_ms=read_ms, read_ms=read_ms)
    return ChildCamera(source, station=station, command=(sys.executable, "-c", scripts.script(program)))


class OneStation(WatchedSink):
    """Counts what arrives of one station."""

    def __init__(self, station: str) -> None:
        super().__init__()
        self._station = station
        self.mine = Counting()

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        for inspection in super().deliver(inspections):
            if inspection.station == self._station:
                self.mine.add()
            yield inspection


def run_two(
    spool: Spool, sink: OneStation, program: str, *, read_ms: int
) -> tuple[Metrics, list[BoxStatus], list[tuple[str, tuple[Trouble, ...]]]]:
    """Station cell-01 with a camera that gives pictures, cell-02 with this one, until there is enough and the trouble is in the status."""
    statuses: list[BoxStatus] = []
    states: list[tuple[str, tuple[Trouble, ...]]] = []
    degraded = threading.Event()

    def set_status(status: BoxStatus) -> None:
        statuses.append(status)
        if status.state == "degraded":
            degraded.set()

    pipelines = [
        pipeline(camera("cell-01", scripts.FOREVER, read_ms=600_000), ["rtsp://cell-01/line"], name="cell-01", live=True),
        pipeline(camera("cell-02", program, read_ms=read_ms), ["rtsp://cell-02/line"], name="cell-02", live=True),
    ]
    names = tuple(each.name for each in pipelines)
    route = SinkRoute("memory", names, sink, set_status=set_status, set_troubles=lambda name, some: states.append((name, some)))
    metrics = Metrics()
    with running(Daemon(pipelines, spool=spool, routes=[route], metrics=metrics, notifier=Notifier({}))):
        assert sink.mine.wait_for(ENOUGH)
        if read_ms < PATIENCE_S * 1e3:
            assert degraded.wait(PATIENCE_S)
    return metrics, statuses, states


def test_a_camera_that_says_nothing_at_all_does_not_hold_up_another_station(spool: Spool) -> None:
    sink = OneStation("cell-01")

    run_two(spool, sink, scripts.SILENT, read_ms=600_000)

    assert {inspection.station for inspection in sink.inspections} == {"cell-01"}


@pytest.mark.parametrize(
    ("program", "reason", "code"),
    [
        (scripts.damaged("error while decoding MB 3 4"), Reason.CAMERA_DAMAGED, "camera_damaged"),
        (scripts.damaged("error while decoding MB 3 4", "DOUBTED"), Reason.CAMERA_DAMAGED, "camera_damaged"),
        (scripts.TROUBLED, Reason.CAMERA_UNREACHABLE, "camera_unreachable"),
    ],
    ids=["damaged", "doubted", "unreachable"],
)
def test_trouble_is_named_in_status_state_log_metrics_and_verdicts_with_its_station(
    spool: Spool, caplog: pytest.LogCaptureFixture, program: str, reason: Reason, code: str
) -> None:
    sink = OneStation("cell-01")

    with caplog.at_level("INFO"):
        metrics, statuses, states = run_two(spool, sink, program, read_ms=5_000)

    of_the_other = [inspection.verdict for inspection in sink.inspections if inspection.station == "cell-02"]
    status = next(status for status in statuses if status.state == "degraded")
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING" and "camera trouble" in record.getMessage()]
    assert {(verdict.decision, verdict.reasons) for verdict in of_the_other} == {(Decision.FAULT, (reason,))}
    assert status.stations == ("cell-02",)
    assert status.why is not None
    assert "station cell-02: camera rtsp://cell-02/line" in status.why
    assert {name for name, some in states if some} == {"cell-02"}
    assert {trouble.code for _, some in states for trouble in some} == {code}
    assert len(warned) == 1
    assert f"station=cell-02 code={code}" in warned[0]
    assert metrics.registry.get_sample_value("kotoba_camera_troubles", {"station": "cell-02"}) == 1
    assert metrics.registry.get_sample_value("kotoba_camera_troubles", {"station": "cell-01"}) in {None, 0}


def test_a_trouble_that_flickers_is_one_line_a_minute_and_the_next_says_how_often_it_came(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    said = TroubleLog(monotonic=lambda: now)
    trouble = (Trouble("camera_damaged", datetime(2026, 1, 1, tzinfo=timezone.utc), "camera 7 sends damaged pictures"),)

    with caplog.at_level("INFO"):
        for _ in range(100):
            said.show("cell-01", (), trouble)
            said.show("cell-01", trouble, ())
            now += QUIET_S / 50

    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "camera trouble" in line] == [
        "camera trouble station=cell-01 code=camera_damaged detail='camera 7 sends damaged pictures'",
        "camera trouble station=cell-01 code=camera_damaged times=50 detail='camera 7 sends damaged pictures'",
    ]
    assert len(lines) == 4
