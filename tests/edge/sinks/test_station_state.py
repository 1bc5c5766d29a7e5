from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edge.records import Decision, Reason, Trouble, Verdict
from edge.sinks.mqtt.station_state import State, StationState, state_schema
from tests.support.inspections import FULL, inspection
from tests.support.repository import GOLDEN
from tests.support.sample_records import MOMENT

OUT = Trouble("camera_unreachable", MOMENT, "the folder /pictures cannot be read: mount it again")
NOT_MOVED = Trouble("file_not_moved", MOMENT, "moving the judged file a.png: no space left: make room there")


def test_the_schema_is_the_golden_one() -> None:
    """After an intended change: python -m tests.support.golden."""
    assert state_schema() == json.loads((GOLDEN / "state.schema.json").read_text(encoding="utf-8"))


def test_a_state_says_camera_counts_and_the_last_verdict() -> None:
    state = StationState("s1")
    state.add(FULL)
    state.add(inspection(1))

    said = State.model_validate_json(state.payload())

    assert (said.station, said.camera, said.troubles) == ("s1", "ok", ())
    assert (said.counts["OK"], said.counts["NG"]) == (1, 1)
    assert said.last is not None
    assert said.last.id == "s1-1"


def test_the_last_verdict_is_the_newest_however_the_backlog_is_delivered() -> None:
    state = StationState("s1")
    for seq in (1, 7, 2, 3):
        state.add(replace(inspection(seq), epoch="e1", seq=seq))

    said = State.model_validate_json(state.payload())

    assert said.last is not None
    assert said.last.seq == 7
    assert said.counts["OK"] == 4


@pytest.mark.parametrize(
    ("reasons", "troubles", "camera"),
    [
        (None, (), "unknown"),
        (None, (OUT,), "unreachable"),
        ((), (), "ok"),
        ((), (OUT,), "unreachable"),
        ((), (NOT_MOVED,), "ok"),
        ((Reason.CAMERA_UNREACHABLE,), (OUT,), "unreachable"),
        ((Reason.CAMERA_UNREACHABLE,), (), "ok"),
        ((Reason.UNREADABLE,), (), "trouble"),
        ((Reason.UNREADABLE,), (NOT_MOVED, OUT), "unreachable"),
    ],
)
def test_the_camera_is_as_it_is_now(reasons: tuple[Reason, ...] | None, troubles: tuple[Trouble, ...], camera: str) -> None:
    state = StationState("s1")
    if reasons is not None:
        state.add(replace(inspection(1), verdict=Verdict(Decision.FAULT, None, None, reasons)))
    state.set_troubles(troubles)

    said = State.model_validate_json(state.payload())
    state.set_enabled(enabled=False)
    off = State.model_validate_json(state.payload())

    assert (said.camera, said.enabled) == (camera, True)
    assert (off.camera, off.enabled) == ("off", False)
    assert [trouble.code for trouble in said.troubles] == [trouble.code for trouble in troubles]
