"""A line controller: triggers a station over MQTT and keeps every answer, on the verdict topic and on its own response topic."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.clients import end
from tests.support.mosquitto import Mosquitto

PATIENCE_S = 60.0
RESPONSES = "plant/plc/answers"


@dataclass(frozen=True)
class Answer:
    """One message, and when it came (monotonic seconds)."""

    topic: str
    payload: bytes
    correlation: bytes | None
    retained: bool
    at_s: float

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.payload)
        return said


class Requester:
    """Subscribes for good, so that the broker keeps what comes while the connection is lost."""

    def __init__(self, broker: Mosquitto, station_topic: str, *, protocol: str = "5") -> None:
        self._station_topic = station_topic
        self._five = protocol == "5"
        self._changed = threading.Condition()
        self._answers: list[Answer] = []
        self._subscribed = threading.Event()
        version = MQTTProtocolVersion.MQTTv5 if self._five else MQTTProtocolVersion.MQTTv311
        session: dict[str, Any] = {} if self._five else {"clean_session": False}
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="line-controller", protocol=version, **session)
        self._client.reconnect_delay_set(0.1, 0.1)  # type: ignore[arg-type]
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        kept: dict[str, Any] = {}
        if self._five:
            kept = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}  # type: ignore[no-untyped-call]
            kept["properties"].SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", broker.port, keepalive=5, **kept)
        self._client.loop_start()

    def __enter__(self) -> Requester:  # noqa: PYI034 -- Python 3.10 has no typing.Self
        assert self._subscribed.wait(PATIENCE_S), "no SUBACK"
        return self

    def __exit__(self, *_: object) -> None:
        end(self._client)

    def trigger(self, request_id: str, part_id: str | None = None) -> float:
        """Publish a trigger; returns when (monotonic seconds)."""
        body = {"request_id": request_id} | ({} if part_id is None else {"part_id": part_id})
        return self.publish("trigger", json.dumps(body).encode(), correlation=request_id.encode())

    def publish(self, topic: str, payload: bytes, *, correlation: bytes | None = None, retain: bool = False) -> float:
        """Publish below the station's topic, with MQTT 5 and a correlation with a response topic."""
        properties = None
        if self._five and correlation is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ResponseTopic, properties.CorrelationData = RESPONSES, correlation
        at_s = time.monotonic()
        sent = self._client.publish(f"{self._station_topic}/{topic}", payload, qos=1, retain=retain, properties=properties)
        if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:  # else there is no broker now: paho keeps it
            sent.wait_for_publish(PATIENCE_S)
        return at_s

    def wait_until_answered(self, what: str, request_ids: Collection[str]) -> list[Answer]:
        """Wait until each request has an answer in `verdicts` or `responses`."""

        def is_complete() -> bool:
            return set(request_ids) <= {answer.said["request_id"] for answer in getattr(self, what)()}

        with self._changed:
            assert self._changed.wait_for(is_complete, PATIENCE_S), what
        found: list[Answer] = getattr(self, what)()
        return found

    def stop_listening(self, topic: str) -> None:
        """Subscribe no longer below the station's topic."""
        done = threading.Event()
        self._client.on_unsubscribe = lambda *_: done.set()
        self._client.unsubscribe(f"{self._station_topic}/{topic}")
        assert done.wait(PATIENCE_S)

    def verdicts(self) -> list[Answer]:
        """What came on the verdict topic."""
        return self._of(f"{self._station_topic}/verdict")

    def responses(self) -> list[Answer]:
        """What came on the response topic."""
        return self._of(RESPONSES)

    def states(self, name: str = "enabled/state") -> list[Answer]:
        """What the box said on a retained topic of the station since this subscribed."""
        return [answer for answer in self._of(f"{self._station_topic}/{name}") if not answer.retained]

    def wait_for(self, what: str, count: int) -> list[Answer]:
        """Wait until `verdicts`, `responses` or `states` has as many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(getattr(self, what)()) >= count, PATIENCE_S), f"{len(getattr(self, what)())} {what}"
        found: list[Answer] = getattr(self, what)()
        return found

    def _subscribe(self, *_: object) -> None:
        topics = [RESPONSES, *(f"{self._station_topic}/{name}" for name in ("verdict", "enabled/state"))]
        self._client.subscribe([(topic, 1) for topic in topics])

    def _of(self, topic: str) -> list[Answer]:
        with self._changed:
            return [answer for answer in self._answers if answer.topic == topic]

    def _take(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        with self._changed:
            self._answers.append(Answer(message.topic, bytes(message.payload), correlation, message.retain, time.monotonic()))
            self._changed.notify_all()
