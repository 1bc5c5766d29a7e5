"""A verdict that is larger than the broker takes goes without its words, and those behind it are not held up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import DeliveryError
from edge.message import decode, encode, shortened
from edge.records import Inspection
from edge.sinks.mqtt.sink import LOSSES, MqttSink
from firmware_config.outputs import MqttOutput
from tests.faults.broker import DROP, Greeting, ScriptedBroker
from tests.support.consumer import Consumer
from tests.support.inspections import FULL, inspection
from tests.support.mosquitto import Mosquitto

LIMIT_BYTES = 2_000
TOO_LARGE = 0x95


def large(station: str = "s1") -> Inspection:
    assert FULL.description is not None
    words = replace(FULL.description.words, captions=("a caption " * 600,))
    return replace(FULL, station=station, description=replace(FULL.description, words=words), detail="x" * 500)


@pytest.fixture(params=["max_packet_size", "message_size_limit"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mosquitto]:
    """One that says its limit in its greeting, and one that ends the connection."""
    broker = Mosquitto(tmp_path / "broker", settings=[f"{request.param} {LIMIT_BYTES}"])
    broker.start()
    yield broker
    broker.stop()


def deliver(sink: MqttSink, inspections: list[Inspection]) -> None:
    """As a dispatcher does."""
    left = list(inspections)
    for _ in range(20):
        with suppress(DeliveryError), closing(sink.deliver(left)) as taken:
            for _ in taken:
                left = left[1:]
        if not left:
            return
    raise AssertionError(left)


def test_it_arrives_without_its_words_and_the_next_one_whole(broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    sink = MqttSink(MqttOutput(host="127.0.0.1", port=broker.port), root="plant", box="box1", stations=("s1",), info={})
    sent = [inspection(1), large(), inspection(2)]
    with Consumer(broker, "plant/s1/verdict") as consumer, caplog.at_level(logging.WARNING):
        deliver(sink, sent)
        got: dict[str, bool] = {}
        while len(got) < len(sent):
            one = decode(consumer.next().payload)
            got[one.id] = one.shortened
        sink.close()
    assert got == {one.id: one.id == FULL.id for one in sent}
    assert f"has {len(encode(large()))} bytes" in caplog.text
    assert "without its words" in caplog.text


def test_what_is_left_says_the_decision_and_that_it_is_short() -> None:
    short = decode(encode(shortened(large())))
    assert (short.id, short.epoch, short.seq, short.verdict) == (FULL.id, FULL.epoch, FULL.seq, FULL.verdict)
    assert (short.shortened, short.description, short.scores, short.timings_ms) == (True, None, None, ())
    assert len(encode(short)) < LIMIT_BYTES


def test_a_limit_in_the_settings_holds_for_brokers_that_say_nothing(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    output = MqttOutput(host="127.0.0.1", port=broker.port, protocol="3.1.1", max_message_bytes=4_096)
    sink = MqttSink(output, root="plant", box="box1", stations=("s1",), info={})
    with Consumer(broker, "plant/s1/verdict", protocol="3.1.1") as consumer:
        list(sink.deliver([large()]))
        assert decode(consumer.next().payload).shortened
        sink.close()
    broker.stop()


@pytest.mark.parametrize(("answers", "protocol"), [([TOO_LARGE] * LOSSES, "5"), ([DROP] * LOSSES, "5"), ([DROP] * LOSSES, "3.1.1")])
def test_a_broker_that_refuses_or_hangs_up_gets_it_short_after_a_while(answers: list[int | str], protocol: str) -> None:
    with ScriptedBroker(answers, protocol=protocol) as broker:
        output = MqttOutput(host="127.0.0.1", port=broker.port, protocol=protocol)
        sink = MqttSink(output, root="plant", box="box1", stations=("s1",), info={})
        deliver(sink, [large(), inspection(1)])
        sink.close()
        assert [decode(broker.accepted.get(timeout=20)).shortened for _ in range(2)] == [True, False]


def test_where_not_even_the_shortest_fits_the_sentence_says_both_sizes() -> None:
    with ScriptedBroker([], protocol="5", greeting=Greeting(maximum_packet_bytes=700)) as broker:
        output = MqttOutput(host="127.0.0.1", port=broker.port)
        sink = MqttSink(output, root="plant", box="box1", stations=("s1",), info={})
        with pytest.raises(DeliveryError, match=r"has \d+ bytes, the broker takes \d+, and without its words it has \d+: raise"):
            list(sink.deliver([replace(large(), source="/a/very/long/path" * 40)]))
        sink.close()
