"""A box as a consumer sees it: it publishes verdicts from a list, and answers requests for them."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from edge.message import encode
from edge.records import Inspection
from tests.support.clients import end
from tests.support.inspections import inspection

DEADLINE_S = 30.0
ROOT_TOPIC = "plant/line1"


def verdict(seq: int, *, station: str = "cell-01", epoch: str = "e1") -> Inspection:
    return replace(inspection(seq, station=station), id=f"{station}-{epoch}-{seq}", epoch=epoch, seq=seq)


class ScriptedBox:
    """Has `verdicts` on its disk. What it publishes is acknowledged by the broker when `publish` returns.

    `refuse` gives a sentence for a request that is refused, or None.
    """

    def __init__(
        self, port: int, *, name: str = "box-1", stations: Iterable[str] = ("cell-01",), refuse: Callable[[int], str | None] | None = None
    ) -> None:
        self.name = name
        self.stations = tuple(stations)
        self.stored: dict[tuple[str, str, int], Inspection] = {}
        self.requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.replaying = True
        self._asked = 0
        self._refuse = refuse or (lambda _: None)
        self.port = port
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"kotoba-{name}", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(0.1, 0.2)  # type: ignore[arg-type]
        self._client.max_inflight_messages_set(20)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = self._answer

    def __enter__(self) -> ScriptedBox:  # noqa: PYI034 -- Python 3.10 has no typing.Self
        self._client.connect("127.0.0.1", self.port, keepalive=5)
        self._client.loop_start()
        self.wait_until_connected()
        return self

    def __exit__(self, *_: object) -> None:
        end(self._client)

    def store(self, *verdicts: Inspection) -> None:
        """Keep verdicts without publishing them: as if the broker had lost them."""
        self.stored.update({(each.station, each.epoch, each.seq): each for each in verdicts})

    def wait_until_connected(self) -> None:
        """Wait until the broker knows it again."""
        assert self._subscribed.wait(DEADLINE_S), "no SUBACK"

    def publish(self, *verdicts: Inspection) -> None:
        """Keep and publish them."""
        self.store(*verdicts)
        sent = [self._send(f"{each.station}/verdict", encode(each)) for each in verdicts]
        for each in sent:
            each.wait_for_publish(DEADLINE_S)
            assert each.is_published()

    def connected(self) -> bool:
        """Wait a moment for the broker."""
        return self._subscribed.wait(0.1)

    def try_to_publish(self, *verdicts: Inspection) -> bool:
        """Keep and publish verdicts; False if the broker did not acknowledge all of them."""
        self.store(*verdicts)
        sent = [self._send(f"{each.station}/verdict", encode(each)) for each in verdicts]
        for each in sent:
            with contextlib.suppress(RuntimeError, ValueError):  # paho: it was not sent
                each.wait_for_publish(5.0)
        return all(each.rc == MQTTErrorCode.MQTT_ERR_SUCCESS and each.is_published() for each in sent)

    def say_state(self, last: Inspection) -> None:
        """The retained state of a station."""
        told = {"station": last.station, "last": {"id": last.id, "epoch": last.epoch, "seq": last.seq}}
        self._send(f"{last.station}/state", json.dumps(told).encode(), retain=True).wait_for_publish(DEADLINE_S)

    def say_info(self) -> None:
        """What the box says of itself, retained, as when it connects."""
        self._send(f"{self.name}/info", json.dumps({"box": self.name, "stations": self.stations}).encode(), retain=True)

    def send_raw(self, topic: str, payload: bytes) -> None:
        """Publish anything below the root."""
        self._send(topic, payload).wait_for_publish(DEADLINE_S)

    def next_request(self) -> dict[str, Any]:
        """Wait for the next request."""
        return self.requests.get(timeout=DEADLINE_S)

    def _send(self, topic: str, payload: bytes, *, retain: bool = False) -> MQTTMessageInfo:
        return self._client.publish(f"{ROOT_TOPIC}/{topic}", payload, qos=1, retain=retain)

    def _subscribe(self, *_: object) -> None:
        self._client.subscribe(f"{ROOT_TOPIC}/{self.name}/replay", qos=1)
        self.say_info()

    def _answer(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        asked = json.loads(message.payload)
        self._asked += 1
        refused = self._refuse(self._asked)
        numbers = range(asked["first"], asked["last"] + 1)
        keys = [(asked["station"], asked["epoch"], seq) for seq in numbers]
        found = [] if refused else [self.stored[key] for key in keys if key in self.stored]
        at = datetime.now(timezone.utc).isoformat()
        told = {"event": "replay", "at": at, **asked, "found": None if refused else len(found), "refused": refused}
        self._send(f"{self.name}/events", json.dumps(told).encode())
        if self.replaying:
            for each in found:
                self._send(f"{each.station}/verdict", encode(replace(each, replayed=True)))
        self.requests.put(asked)
