"""A broker's connection that serves other stations than before: it stays, and its topics follow."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from paho.mqtt import publish

from edge.sinks import Commands
from edge.sinks.mqtt.sink import MqttSink
from firmware_config.outputs import MqttOutput
from tests.support.consumer import Consumer, Got
from tests.support.inspections import inspection
from tests.support.mosquitto import Mosquitto

PATIENCE_S = 20.0
BOX = {"version": "1", "bundle": {"name": "b", "version": 1, "digest": "sha256:0"}, "board": "cpu", "providers": ["cpu"]}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path / "broker")
    started.start()
    yield started
    started.kill()


def tell(broker: Mosquitto, station: str, enabled: bytes) -> None:
    publish.single(f"plant/{station}/enabled/set", enabled, qos=1, hostname="127.0.0.1", port=broker.port)


class Heard:
    """What a consumer of everything has heard, by topic."""

    def __init__(self) -> None:
        self._got: queue.SimpleQueue[Got] = queue.SimpleQueue()
        self.topics: dict[str, list[bytes]] = {}

    def take(self, got: Got) -> None:
        self._got.put(got)

    def until(self, topic: str, wanted: Callable[[bytes], bool]) -> bytes:
        while not any(wanted(payload) for payload in self.topics.get(topic, [])):
            got = self._got.get(timeout=PATIENCE_S)
            self.topics.setdefault(got.topic, []).append(got.payload)
        return next(payload for payload in self.topics[topic] if wanted(payload))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_new_station_is_heard_and_one_that_is_gone_is_said_to_be_off(broker: Mosquitto, protocol: str) -> None:
    switched: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
    output = MqttOutput(host="127.0.0.1", port=broker.port, protocol=protocol, require_subscriber=False)
    sink, heard = MqttSink(output, root="plant", box="box1", stations=("s1", "s2"), info=BOX), Heard()
    sink.commands.obey(Commands(lambda _: "untriggered", lambda station, on: switched.put((station, on))))
    with Consumer(broker, "plant/#", protocol=protocol, on_message=heard.take), closing(sink):
        sink.connect()
        list(sink.deliver([inspection(1, station="s1")]))
        before = sink._connection  # noqa: SLF001 -- whether it is the same

        sink.serve(("s2", "s3"), ())
        sink.connect()
        list(sink.deliver([inspection(1, station="s3"), inspection(2, station="s1")]))  # the last was under way
        for station in ("s1", "s3", "s2"):
            tell(broker, station, b"false")
        order = [switched.get(timeout=PATIENCE_S) for _ in range(2)]
        sink.connect()
        told = heard.until("plant/box1/info", lambda payload: json.loads(payload)["stations"] == ["s2", "s3"])
        gone = heard.until("plant/s1/state", lambda payload: not json.loads(payload)["enabled"])
        heard.until("plant/s3/verdict", lambda _: True)
        assert sink._connection is before  # noqa: SLF001
        assert sink.complaint() is None
    assert order == [("s3", False), ("s2", False)]
    assert json.loads(told)["box"] == "box1"
    assert json.loads(gone)["camera"] == "off"


def test_after_a_lost_connection_the_topics_are_those_of_the_new_stations(broker: Mosquitto) -> None:
    switched: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
    output = MqttOutput(host="127.0.0.1", port=broker.port, require_subscriber=False)
    sink = MqttSink(output, root="plant", box="box1", stations=("s1",), info=BOX)
    sink.commands.obey(Commands(lambda _: "untriggered", lambda station, on: switched.put((station, on))))
    with closing(sink):
        sink.connect()
        assert sink._connection is not None  # noqa: SLF001
        sink._connection.abandon()  # noqa: SLF001 -- as a lost link
        sink.serve(("s2",), ())
        sink.connect()
        for station in ("s1", "s2"):
            tell(broker, station, b"true")
        assert switched.get(timeout=PATIENCE_S) == ("s2", True)
