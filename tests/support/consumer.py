"""A paho subscriber that keeps every message it receives: the consumer's side of the broker."""

from __future__ import annotations

import queue
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.clients import end
from tests.support.mosquitto import PASSWORD, USER, Mosquitto

DEADLINE_S = 20.0


@dataclass(frozen=True)
class Got:
    topic: str
    payload: bytes
    retain: bool
    user: dict[str, str]


class Consumer:
    """Subscribes to `topic`. With `persistent`, the broker keeps messages while it is away. `on_message` runs in paho's thread."""

    def __init__(
        self,
        broker: Mosquitto,
        topic: str,
        *,
        protocol: str = "5",
        persistent: bool = False,
        on_message: Callable[[Got], object] | None = None,
    ) -> None:
        self._got: queue.SimpleQueue[Got] = queue.SimpleQueue()
        self._on_message = on_message or self._got.put
        self._topic = topic
        self._subscribed = threading.Event()
        five = protocol == "5"
        session: dict[str, Any] = {} if five else {"clean_session": not persistent}
        version = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"consumer-{broker.port}", protocol=version, **session)
        self._client.reconnect_delay_set(0.1, 0.1)  # type: ignore[arg-type]
        if broker.tls is not None:
            self._client.tls_set_context(ssl.create_default_context(cafile=broker.tls.ca_file))
        if broker.password_file is not None:
            self._client.username_pw_set(USER, PASSWORD)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        properties = None
        if five:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 3600 if persistent else 0
        clean: dict[str, Any] = {"clean_start": not persistent, "properties": properties} if five else {}
        self._client.connect("127.0.0.1", broker.port, keepalive=5, **clean)
        self._client.loop_start()

    def __enter__(self) -> Consumer:  # noqa: PYI034 -- Python 3.10 has no typing.Self
        assert self._subscribed.wait(DEADLINE_S), "no SUBACK"
        return self

    def __exit__(self, *_: object) -> None:
        end(self._client)

    def next(self) -> Got:
        """Wait for the next message."""
        return self._got.get(timeout=DEADLINE_S)

    def until(self, wanted: Callable[[Got], bool]) -> Got:
        """Wait for the first message that is `wanted`; the ones before it are dropped."""
        while not wanted(got := self.next()):
            pass
        return got

    def _subscribe(self, *_: object) -> None:
        self._client.subscribe(self._topic, qos=1)

    def _take(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        user = dict(getattr(message.properties, "UserProperty", [])) if message.properties else {}
        self._on_message(Got(message.topic, bytes(message.payload), message.retain, user))
