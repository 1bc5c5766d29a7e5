from __future__ import annotations

import threading
import time

import pytest

from edge.daemon.answering import Answering
from edge.daemon.pipeline import StationPipeline
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.judges.scripted import ScriptedJudge
from edge.records import Capture, Inspection, TriggerRequest
from tests.support.running_daemon import PATIENCE_S, DeadCamera
from tests.support.sample_records import BUNDLE, MODELS, scores, station
from tests.support.triggered_box import AnyDescriber

FLOOD = 200


class Cells:
    """Stations whose cameras give nothing, and what answers them; an answer waits until `go` is set, and `fails` for one request."""

    def __init__(self) -> None:
        self.go, self.reached, self.all = threading.Event(), threading.Event(), threading.Event()
        self.answered: list[str | None] = []
        self.fails, self.wanted = "", 0
        self.pipelines = [_pipeline(name) for name in ("a", "b")]
        self.answering = Answering(answer=self._answer, pictures=threading.Event())

    def ask(self, station: int, name: str) -> None:
        requests = self.pipelines[station].requests
        assert requests is not None
        requests.ask(TriggerRequest(requests.station, name, name, time.monotonic_ns()))

    def _answer(self, inspection: Inspection, _capture: Capture) -> None:
        self.reached.set()
        assert self.go.wait(PATIENCE_S)
        self.answered.append(inspection.request_id)
        if len(self.answered) >= self.wanted:
            self.all.set()
        if inspection.request_id == self.fails:
            msg = "a bug"
            raise RuntimeError(msg)


def _pipeline(name: str) -> StationPipeline:
    cell = station(
        name,
        camera={"kind": "v4l2", "device": "/dev/none"},
        trigger={"kind": "mqtt", "deadline_ms": 20},
        outputs={"mqtt": {"host": "127.0.0.1"}},
    )
    judge = ScriptedJudge(lambda _: scores())
    inspector = Inspector(cell, describer=AnyDescriber(), judge=judge, limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS)
    return StationPipeline(cell, DeadCamera(), inspector, live=True)


def test_a_flood_on_one_station_keeps_no_other_waiting() -> None:
    cells = Cells()
    for number in range(FLOOD):
        cells.ask(0, f"flood{number}")
    cells.wanted = FLOOD + 1
    cells.answering.watch(cells.pipelines)
    assert cells.reached.wait(PATIENCE_S)  # the first of the flood is being stored
    cells.ask(1, "mine")
    while cells.pipelines[1].requests.due_by_ns() is None:  # type: ignore[union-attr]
        threading.Event().wait(0.001)
    cells.go.set()
    assert cells.all.wait(PATIENCE_S)
    cells.answering.close()
    cells.answering.join(PATIENCE_S)

    assert cells.answered.index("mine") <= 2


def test_an_answer_that_fails_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    cells = Cells()
    cells.go.set()
    cells.fails, cells.wanted = "r0", 5
    for number in range(5):
        cells.ask(0, f"r{number}")
    cells.answering.watch(cells.pipelines)
    assert cells.all.wait(PATIENCE_S)
    cells.answering.close()
    cells.answering.join(PATIENCE_S)

    assert sorted(map(str, cells.answered)) == [f"r{number}" for number in range(5)]
    assert [record.getMessage() for record in caplog.records] == ["answering failed station=a request_id='r0'"]
