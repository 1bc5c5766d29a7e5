"""What other clients send, and what a broker forbids, never holds up verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.errors import DeliveryError
from edge.message import decode
from edge.records import Inspection
from edge.sinks.mqtt.responses import MAX_TRIES, WINDOW, Responses
from edge.sinks.mqtt.sink import LOSSES, MqttSink
from edge.sinks.route import ReplayRequest
from firmware_config.outputs import MqttOutput
from tests.faults.broker import Greeting, ScriptedBroker
from tests.support.consumer import Consumer
from tests.support.inspections import inspection
from tests.support.mosquitto import Mosquitto
from tests.support.sample_records import MOMENT

DEADLINE_S = 20.0


@dataclass
class Line:
    """A connection of a kind that never acknowledges."""

    told: list[bytes]
    max_packet_bytes: int | None = None

    def tell(self, topic: str, payload: bytes, *, properties: Properties) -> Callable[[], bool]:  # noqa: ARG002 -- the seam's signature
        self.told.append(payload)
        return lambda: False


def sink_for(port: int, **settings: object) -> MqttSink:
    output = MqttOutput(host="127.0.0.1", port=port, require_subscriber=False, ack_timeout_s=2, **settings)
    return MqttSink(output, root="plant", box="box1", stations=("s1",), info={})


def deliver(sink: MqttSink, inspections: list[Inspection], tries: int = 20) -> list[Inspection]:
    """As a dispatcher does; returns what is left."""
    left = list(inspections)
    for _ in range(tries):
        with suppress(DeliveryError), closing(sink.deliver(left)) as taken:
            for _ in taken:
                left = left[1:]
        if not left:
            break
    return left


def test_an_answer_that_no_broker_acknowledges_is_given_up_and_said(caplog: pytest.LogCaptureFixture) -> None:
    responses = Responses()
    responses.refuse("answers/here", None, "no")
    lines = [Line([]) for _ in range(MAX_TRIES + 2)]
    for line in lines:
        responses.send(line)
        responses.send(line)
    assert [len(line.told) for line in lines] == [1] * MAX_TRIES + [0, 0]
    assert "response dropped topic=answers/here" in caplog.text


def test_an_answer_larger_than_the_broker_takes_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    responses, line = Responses(), Line([], max_packet_bytes=200)
    responses.refuse("answers/here", b"c" * 300, "no")
    responses.send(line)
    assert line.told == []
    assert "larger than the broker takes" in caplog.text


def test_few_answers_are_under_way_at_once() -> None:
    responses, line = Responses(), Line([])
    for _ in range(3 * WINDOW):
        responses.refuse("answers/here", None, "no")
    responses.send(line)
    responses.send(line)
    assert len(line.told) == WINDOW


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker", settings=["max_packet_size 8000"])
    broker.start()
    yield broker
    broker.stop()


@pytest.mark.parametrize(("topic", "correlation"), [("a/" * 201 + "a", b""), ("answers/here", b"c" * 7_900)])
def test_a_request_whose_answer_would_end_the_connection_costs_no_verdict(broker: Mosquitto, topic: str, correlation: bytes) -> None:
    sink = sink_for(broker.port)
    assert deliver(sink, [inspection(1)]) == []
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ResponseTopic, properties.CorrelationData = topic, correlation
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish("plant/s1/trigger", b"{}", qos=1, properties=properties).wait_for_publish(DEADLINE_S)
    client.disconnect()
    client.loop_stop()

    assert deliver(sink, [inspection(number) for number in range(2, 12)]) == []
    sink.close()


def test_a_broker_that_forbids_new_topics_gets_the_verdicts_and_is_complained_of(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    allowed = ("plant/s1/verdict", "plant/s1/state", "plant/box1/status", "plant/box1/info")
    rules.write_text("".join(f"topic write {topic}\n" for topic in allowed))
    rules.chmod(0o644)
    broker = Mosquitto(tmp_path / "broker", settings=[f"acl_file {rules}"])
    broker.start()
    sink = sink_for(broker.port)
    sink.set_enabled("s1", enabled=True, since=MOMENT)
    sink.replays.answer(ReplayRequest("s1", "e1", 1, 2), 2, None)
    assert deliver(sink, [inspection(1), inspection(2)], tries=1) == []
    complaint = sink.complaint()
    assert complaint is not None
    assert "does not take plant/s1/enabled/state" in complaint
    sink.close()
    broker.stop()


def test_an_event_that_the_broker_does_not_take_is_tried_once() -> None:
    with ScriptedBroker([], protocol="5", greeting=Greeting(maximum_packet_bytes=2_000)) as broker:
        sink = sink_for(broker.port)
        sink.replays.answer(ReplayRequest("s1" * 2_000, "e1", 1, 2), 2, None)
        assert deliver(sink, [inspection(1), inspection(2)]) == []
        sink.close()


def test_a_large_verdict_goes_short_also_while_others_get_through(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", settings=["max_packet_size 4000"])
    broker.start()
    sink = sink_for(broker.port, protocol="3.1.1")
    large = inspection(99, detail="x" * 5_000)
    with Consumer(broker, "plant/s1/verdict", protocol="3.1.1") as consumer:
        left = [large]
        for number in range(2 * LOSSES):
            assert deliver(sink, [inspection(number)], tries=3) == []
            left = left and deliver(sink, left, tries=1)
        assert left == []
        assert decode(consumer.until(lambda got: large.id.encode() in got.payload).payload).shortened
        sink.close()
    broker.stop()


def test_those_before_a_verdict_that_cannot_be_sent_are_delivered_once() -> None:
    with ScriptedBroker([], protocol="5", greeting=Greeting(maximum_packet_bytes=700)) as broker:
        sink = sink_for(broker.port)
        assert deliver(sink, [inspection(1)]) == []
        never = inspection(5, station="s1", detail="x" * 5_000)
        left = deliver(sink, [inspection(2), inspection(3), inspection(4), never, inspection(6)], tries=4)
        sink.close()
        assert [one.id for one in left] == [never.id, "s1-6"]
        assert broker.offered == 4


def test_a_request_for_verdicts_names_no_long_station() -> None:
    sink = sink_for(1)
    sink.replays.take(json.dumps({"station": "s" * 3_900, "epoch": "e1", "first": 1, "last": 2}).encode())
    event = sink.replays.next_event()
    assert event is not None
    assert len(event) < 500
