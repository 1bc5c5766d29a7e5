from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.daemon.dispatcher import Dispatcher
from edge.message import decode
from edge.sinks.mqtt.replay_topic import BURST, MAX_EVENTS, PER_S, ReplayTopic
from edge.sinks.mqtt.sink import MqttSink
from edge.sinks.route import ReplayRequest, SinkRoute
from edge.spool.store import Spool
from firmware_config.outputs import MqttOutput
from tests.support.consumer import Consumer, Got
from tests.support.inspections import inspection
from tests.support.mosquitto import Mosquitto

DEADLINE_S = 20.0
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
ASK = {"station": "s1", "epoch": "e1", "first": 2, "last": 4}


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def topic(clock: list[float]) -> ReplayTopic:
    return ReplayTopic(clock=lambda: clock[0], now=lambda: AT)


def events(topic: ReplayTopic) -> list[dict[str, Any]]:
    said = []
    while (event := topic.next_event()) is not None:
        topic.event_delivered(event)
        said.append(json.loads(event))
    return said


def test_a_request_is_given_once(topic: ReplayTopic) -> None:
    topic.take(json.dumps(ASK).encode())
    assert topic.requests() == (ReplayRequest("s1", "e1", 2, 4),)
    assert topic.requests() == ()
    assert events(topic) == []


def test_the_answer_says_how_many_are_still_here(topic: ReplayTopic) -> None:
    topic.answer(ReplayRequest("s1", "e1", 2, 4), 3, None)
    assert events(topic) == [{"event": "replay", "at": "2026-01-02T03:04:05.000Z", **ASK, "found": 3, "refused": None}]


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"no json", b"[]", b"null", b"{}", b"\xff\xfe", b'{"station": "s1"}', b"[" * 5000,
        json.dumps({**ASK, "first": 0}).encode(), json.dumps({**ASK, "first": "1"}).encode(), json.dumps({**ASK, "last": 1.5}).encode(),
        json.dumps({**ASK, "station": ""}).encode(), json.dumps({**ASK, "more": 1}).encode(), json.dumps({**ASK, "first": True}).encode(),
        b'{"station": "s1", "epoch": "e1", "first": 1, "last": NaN}', b'{"station": "\\ud800", "epoch": "e1", "first": 1, "last": 2}',
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_a_sentence(topic: ReplayTopic, payload: bytes) -> None:
    topic.take(payload)
    assert topic.requests() == ()
    (event,) = events(topic)
    assert event["found"] == 0
    assert "send" in event["refused"]


def test_a_consumer_that_asks_in_a_loop_is_refused_for_a_while(topic: ReplayTopic, clock: list[float]) -> None:
    for _ in range(BURST + 3):
        topic.take(json.dumps(ASK).encode())
    assert len(topic.requests()) == BURST
    refused = events(topic)
    assert [event["first"] for event in refused] == [2, 2, 2]
    assert all("ask again later" in event["refused"] for event in refused)
    clock[0] += 2 / PER_S
    for _ in range(3):
        topic.take(json.dumps(ASK).encode())
    assert len(topic.requests()) == 2


def test_events_that_no_broker_takes_do_not_pile_up(topic: ReplayTopic) -> None:
    for _ in range(3 * MAX_EVENTS):
        topic.take(b"nonsense")
    assert len(events(topic)) == MAX_EVENTS


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@contextmanager
def box(folder: Path, broker: Mosquitto, protocol: str) -> Iterator[Spool]:
    """Nine verdicts of a box, and its dispatcher at work."""
    spool = Spool(folder / "spool.sqlite", ballast_bytes=4096, new_epoch=lambda: "e1")
    spool.register_sinks({"mqtt": ("s1",)})
    output = MqttOutput(host="127.0.0.1", port=broker.port, protocol=protocol)
    sink = MqttSink(output, root="plant", box="box1", stations=("s1",), info={})
    route = SinkRoute("mqtt", ("s1",), sink, replay_requests=sink.replays.requests, answer_replay=sink.replays.answer)
    dispatcher = Dispatcher(spool=spool, route=route)
    for number in range(1, 10):
        spool.commit(inspection(number))
    with closing(spool):
        dispatcher.start()
        try:
            yield spool
        finally:
            assert dispatcher.stop(DEADLINE_S)


def ask(broker: Mosquitto, payload: bytes, *, retain: bool = False) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish("plant/box1/replay", payload, qos=1, retain=retain).wait_for_publish(DEADLINE_S)
    client.disconnect()
    client.loop_stop()


def is_event(got: Got) -> bool:
    return got.topic == "plant/box1/events"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_a_consumer_asks_for_comes_again_and_it_is_told_how_much(tmp_path: Path, broker: Mosquitto, protocol: str) -> None:
    with Consumer(broker, "plant/#", protocol=protocol) as consumer, box(tmp_path, broker, protocol):
        consumer.until(lambda got: got.topic.endswith("/verdict") and decode(got.payload).seq == 9)
        ask(broker, json.dumps({**ASK, "first": 8, "last": 12}).encode())
        replayed: list[int] = []

        def wanted(got: Got) -> bool:
            if got.topic.endswith("/verdict") and (one := decode(got.payload)).replayed:
                replayed.append(one.seq)
            return is_event(got)

        event = json.loads(consumer.until(wanted).payload)
        while len(replayed) < 2:
            wanted(consumer.next())
        assert replayed == [8, 9]
        assert (event["found"], event["refused"]) == (2, None)


@pytest.mark.parametrize(
    ("payload", "why"), [(b"nonsense", "send station"), (json.dumps({**ASK, "station": "s9"}).encode(), "no such output")]
)
def test_what_cannot_be_sent_again_is_refused_on_the_topic_of_events(tmp_path: Path, broker: Mosquitto, payload: bytes, why: str) -> None:
    with Consumer(broker, "plant/#") as consumer, box(tmp_path, broker, "5"):
        consumer.until(lambda got: got.topic.endswith("/verdict"))
        ask(broker, payload)
        assert why in json.loads(consumer.until(is_event).payload)["refused"]


def test_a_request_that_the_broker_kept_is_not_served_at_each_start(tmp_path: Path, broker: Mosquitto) -> None:
    ask(broker, json.dumps(ASK).encode(), retain=True)
    with Consumer(broker, "plant/#") as consumer, box(tmp_path, broker, "5"):
        consumer.until(lambda got: got.topic.endswith("/verdict"))
        ask(broker, b"another one")
        assert "send station" in json.loads(consumer.until(is_event).payload)["refused"]
