"""What a station was told last holds when the connection is lost and comes back, with a real broker."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import publish

from edge.sinks.mqtt.routes import mqtt_routes
from edge.sinks.mqtt.sink import MqttSink
from edge.sinks.route import Commands
from firmware_config.outputs import MqttOutput
from tests.support.mosquitto import Mosquitto
from tests.support.sample_records import station

SWITCH, OTHER = "plant/a/enabled/set", "plant/b/enabled/set"
PATIENCE_S = 20.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.kill()


class Line:
    """A sink that is told to switch stations, and who tells it."""

    def __init__(self, broker: Mosquitto, protocol: str) -> None:
        settings = MqttOutput.model_validate({"host": "127.0.0.1", "port": broker.port, "protocol": protocol, "require_subscriber": False})
        self._broker = broker
        self._switched: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
        self.sink = MqttSink(settings, root="plant", box="box1", stations=("a", "b"), info={})
        self.sink.commands.obey(Commands(lambda _: "taken", lambda name, on: self._switched.put((name, on))))
        self.sink.connect()
        self.said()

    def say(self, payload: bytes, *, retain: bool) -> None:
        self._publish(SWITCH, payload, retain=retain)

    def said(self) -> list[bool]:
        """How station a was switched; b is switched last, plainly, so that all before is known to have come."""
        self._publish(OTHER, b"true", retain=False)
        return [on for name, on in iter(lambda: self._switched.get(timeout=PATIENCE_S), ("b", True)) if name == "a"]

    def lose_the_connection(self) -> None:
        """The box is away until it connects again; the broker keeps what is retained."""
        self._broker.stop()
        self._broker.start()

    def _publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        publish.single(topic, payload, qos=1, retain=retain, hostname="127.0.0.1", port=self._broker.port)


def test_a_retained_message_that_was_said_otherwise_since_does_not_come_back_with_the_connection(broker: Mosquitto) -> None:
    line = Line(broker, "5")
    line.say(b"false", retain=True)
    line.say(b"true", retain=False)
    assert line.said() == [False, True]
    line.lose_the_connection()
    line.sink.connect()
    assert line.said() == []
    line.sink.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_retained_message_that_changed_while_the_box_was_away_is_obeyed(broker: Mosquitto, protocol: str) -> None:
    line = Line(broker, protocol)
    line.say(b"false", retain=True)
    line.say(b"true", retain=True)
    assert line.said() == [False, True]
    line.lose_the_connection()
    line.say(b"false", retain=True)
    line.sink.connect()
    assert line.said() == [False]
    line.sink.close()


def test_a_box_listens_for_triggers_only_where_a_station_takes_them() -> None:
    outputs = {"mqtt": {"host": "127.0.0.1"}}
    camera = {"kind": "v4l2", "device": "/dev/none"}
    asked = station("asked", outputs=outputs, camera=camera, trigger={"kind": "mqtt", "deadline_ms": 500})
    (route,) = mqtt_routes([station("free", outputs=outputs), asked], box="box1", info={})
    assert isinstance(route.sink, MqttSink)
    ends = sorted(topic.split("/", 2)[-1] for topic in route.sink.commands.topics)
    assert ends == ["asked/enabled/set", "asked/trigger", "free/enabled/set"]
