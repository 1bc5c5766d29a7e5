from __future__ import annotations

import json
from typing import Any

import pytest

from edge.consumer.messages import read_answer, read_info, read_state, read_verdict, request
from edge.errors import MessageError
from edge.message import MAX_MESSAGE_BYTES, SCHEMA, encode
from edge.sinks.mqtt.station_state import StationState
from tests.support.inspections import FULL


def changed(**changes: object) -> bytes:
    message: dict[str, Any] = json.loads(encode(FULL))
    return json.dumps({**message, **changes}).encode()


def test_a_verdict_of_a_box_is_read_with_its_whole_text() -> None:
    verdict = read_verdict(encode(FULL), station=FULL.station)
    assert (verdict.schema_, verdict.id, verdict.epoch, verdict.seq) == (SCHEMA, FULL.id, "e1", 7)
    assert (verdict.decision, verdict.label, verdict.confidence) == ("NG", "crack", 0.9375)
    assert verdict.captured_at == FULL.captured_at
    assert verdict.text.encode() == encode(FULL)


def test_a_box_may_be_newer_than_its_consumer() -> None:
    assert read_verdict(changed(evidence={"path": "x"}, surface="rough", reasons=["novel"]), station=FULL.station).reasons == ("novel",)


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (b"", "the message: Invalid JSON"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"[1]", "the message: Input should be an object"),
        (changed(schema="kotoba.inspection/2"), "schema: Input should be 'kotoba.inspection/1'"),
        (changed(seq=0), "seq: Input should be greater than or equal to 1"),
        (changed(seq=2**63), "seq: Input should be less than or equal to"),
        (changed(seq="7"), "seq: Input should be a valid integer"),
        (changed(seq=True), "seq: Input should be a valid integer"),
        (changed(epoch=""), "epoch: String should have at least 1 character"),
        (changed(id="a\0b"), "id: Value error, a NUL character, which databases refuse"),
        (changed(station="cell-02"), "it is of station cell-02, and its topic names セル検査-1"),
        (changed(captured_at="2026-05-04T08:00:00"), "captured_at: Input should have timezone info"),
        (changed(label="\ud800"), "the message: Invalid JSON"),
        (b" " * MAX_MESSAGE_BYTES + encode(FULL), "expected at most 1000000"),
        (b"[" * 100_000, "the message: Invalid JSON"),
    ],
)
def test_what_is_no_verdict_is_refused_with_its_reason(payload: bytes, complaint: str) -> None:
    with pytest.raises(MessageError) as refused:
        read_verdict(payload, station=FULL.station)
    assert complaint in str(refused.value)


def test_the_state_of_a_station_is_read() -> None:
    state = StationState(FULL.station)
    empty = read_state(state.payload())
    assert empty is not None
    assert empty.last is None
    state.add(FULL)
    read = read_state(state.payload())
    assert read is not None
    assert read.last is not None
    assert (read.station, read.last.epoch, read.last.seq) == (FULL.station, "e1", 7)


def test_what_a_box_says_of_itself_is_read() -> None:
    info = read_info(b'{"schema": "kotoba.inspection/1", "box": "box-1", "stations": ["cell-01", "cell-02"], "version": "9"}')
    assert info is not None
    assert info.stations == ("cell-01", "cell-02")
    assert read_info(b"{") is None


def test_an_answer_is_read_and_other_events_are_let_be() -> None:
    told = {
        "event": "replay",
        "at": "2026-05-04T08:00:00Z",
        "station": "s",
        "epoch": "e",
        "first": 12,
        "last": 20,
        "found": 9,
        "refused": None,
    }
    answer = read_answer(json.dumps(told).encode())
    assert answer is not None
    assert (answer.first, answer.last, answer.found) == (12, 20, 9)
    assert read_answer(json.dumps({**told, "event": "rain"}).encode()) is None


def test_a_request_names_both_ends() -> None:
    assert json.loads(request("cell-01", "e1", 12, 20)) == {"station": "cell-01", "epoch": "e1", "first": 12, "last": 20}
