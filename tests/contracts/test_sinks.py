"""What holds for every sink. A new one joins with a line in `SINKS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.errors import DeliveryError
from edge.interfaces import Sink
from edge.message import decode
from edge.records import Inspection
from edge.sinks.jsonl import JsonlSink
from edge.sinks.memory import MemorySink
from edge.sinks.mqtt.sink import MqttSink
from firmware_config.outputs import JsonlOutput, MqttOutput
from tests.faults.broker import ScriptedBroker
from tests.support.inspections import FULL, inspection


@dataclass
class Tried:
    """A sink, and how to see the first `count` inspections that the other side has."""

    sink: Sink
    has: Callable[[int], list[Inspection]]


def memory(_folder: Path) -> Iterator[Tried]:
    sink = MemorySink()
    yield Tried(sink, lambda count: list(sink.inspections[:count]))


def jsonl(folder: Path) -> Iterator[Tried]:
    path = folder / "verdicts.jsonl"
    sink = JsonlSink(JsonlOutput(path=path))
    yield Tried(sink, lambda count: [decode(line) for line in path.read_bytes().splitlines()[:count]])


def mqtt(_folder: Path) -> Iterator[Tried]:
    with ScriptedBroker([], protocol="5") as broker:
        output = MqttOutput(host="127.0.0.1", port=broker.port)
        sink = MqttSink(output, root="plant", box="box1", stations=(FULL.station, "s1"), info={})
        yield Tried(sink, lambda count: [decode(broker.accepted.get(timeout=20)) for _ in range(count)])


SINKS = [memory, jsonl, mqtt]


@pytest.fixture(params=SINKS, ids=lambda make: make.__name__)
def tried(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tried]:
    for tried in request.param(tmp_path):
        yield tried
        tried.sink.close()


def test_inspections_arrive_whole_and_in_order(tried: Tried) -> None:
    sent = [FULL, *(inspection(number) for number in range(20))]
    tried.sink.connect()
    for one in sent:
        list(tried.sink.deliver([one]))
    assert tried.has(len(sent)) == sent


def test_an_inspection_may_be_delivered_again(tried: Tried) -> None:
    list(tried.sink.deliver([FULL]))
    list(tried.sink.deliver([FULL]))
    assert tried.has(2) == [FULL, FULL]


def test_connecting_again_and_again_is_fine(tried: Tried) -> None:
    for _ in range(3):
        tried.sink.connect()
    list(tried.sink.deliver([FULL]))
    assert tried.has(1) == [FULL]


def test_a_delivery_needs_no_connect_before(tried: Tried) -> None:
    list(tried.sink.deliver([FULL]))
    assert tried.has(1) == [FULL]


def test_closing_twice_is_fine(tried: Tried) -> None:
    tried.sink.connect()
    tried.sink.close()
    tried.sink.close()


def test_closing_what_was_never_used_is_fine(tried: Tried) -> None:
    tried.sink.close()


def test_a_delivery_after_closing_is_refused(tried: Tried) -> None:
    list(tried.sink.deliver([FULL]))
    tried.sink.close()
    with pytest.raises(DeliveryError, match="closed: open a new one"):
        list(tried.sink.deliver([FULL]))
