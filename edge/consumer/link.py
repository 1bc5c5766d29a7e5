"""One connection of a consumer to its broker, used once: a session that the broker keeps, and acknowledgements that we give.

A fresh paho client per connection: an acknowledgement can only go to the connection on which its message came.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.errors import DeliveryError
from edge.sinks.mqtt.client import LookedUpClient
from edge.sinks.mqtt.resolver import Resolver
from edge.sinks.mqtt.sockets import CONNECT_S, tls_context
from firmware_config.outputs import MqttOutput
from firmware_config.regular_file import read_secret

GOODBYE_S = 1.0
SESSION_EXPIRY_S = 7 * 86_400
"""How long the broker keeps messages for a consumer that is away; what is older is asked for."""
RECEIVE_MAXIMUM = 200
"""Messages that may wait for our acknowledgement; most brokers have a lower limit of their own (mosquitto: 20)."""
LARGEST_PACKET_BYTES = 4_000_000
"""With MQTT 5 the broker drops larger messages for us; what comes is taken into memory before it is read, and a verdict has 1 MB."""
AT_LEAST_ONCE = 1
FIRST_FAILURE = 0x80


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """A message, and the connection on which it came and is acknowledged."""

    topic: str
    payload: bytes
    message_id: int
    qos: int
    link: Link


@dataclass(frozen=True, slots=True)
class Gone:
    """The connection is lost, or was refused."""

    reason: str
    link: Link


@dataclass(frozen=True, slots=True)
class _Greeted:
    refused: str | None


class Link:
    """Opened by the constructor, which subscribes to `topics`. What arrives goes to `put`, in paho's thread, and `Gone` at the end.

    Raises:
        DeliveryError: the broker cannot be reached, does not prove who it is, or refuses us or a topic.
    """

    def __init__(
        self,
        settings: MqttOutput,
        *,
        client_id: str,
        topics: Sequence[str],
        resolver: Resolver,
        put: Callable[[Arrived | Gone], None],
    ) -> None:
        self._where = f"{settings.host}:{settings.port}"
        self._five = settings.protocol == "5"
        self._topics = topics
        self._put = put
        self._greetings: queue.SimpleQueue[_Greeted] = queue.SimpleQueue()
        self._open = True
        session: dict[str, Any] = {} if self._five else {"clean_session": False}
        self._client = LookedUpClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if self._five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
            **session,
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        try:
            self._authenticate(settings)
            self._client.addresses = resolver.addresses(within_s=CONNECT_S, waiting=lambda: None)
            self._client.connect(settings.host, settings.port, keepalive=settings.keepalive_s, **self._session())
        except (OSError, ValueError) as err:  # ssl.SSLError is an OSError
            self.abandon()
            msg = f"connecting to the broker {self._where}: {err}: check host, port, TLS files and that the broker runs"
            raise DeliveryError(msg) from err
        self._client.loop_start()
        for doing in ("waiting for the greeting of", "subscribing at"):
            self._expect(f"{doing} the broker {self._where}", with_advice=settings.tls is None)

    def acknowledge(self, message_id: int, qos: int) -> None:
        """Let the broker forget a message; nothing happens once the connection is lost, and the message comes again."""
        if self._open:
            self._client.ack(message_id, qos)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1, without waiting: who asks waits for the answer."""
        if self._open:
            self._client.publish(topic, payload, qos=AT_LEAST_ONCE)

    def close(self) -> None:
        """Say goodbye and close. The broker keeps the session."""
        if self._open:
            self._client.disconnect()
            with contextlib.suppress(queue.Empty):
                self._greetings.get(timeout=GOODBYE_S)
        self.abandon()

    def abandon(self) -> None:
        """Close without goodbye."""
        self._open = False
        self._client.shut_down()
        self._client.loop_stop()
        self._client.close_sockets()

    def _authenticate(self, settings: MqttOutput) -> None:
        if settings.tls is not None:
            self._client.tls_set_context(tls_context(settings.tls))
        if settings.username is not None:
            self._client.username_pw_set(settings.username, None if settings.password_file is None else read_secret(settings.password_file))

    def _session(self) -> dict[str, Any]:
        if not self._five:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = LARGEST_PACKET_BYTES
        return {"clean_start": False, "properties": properties}

    def _expect(self, doing: str, *, with_advice: bool) -> None:
        try:
            greeted = self._greetings.get(timeout=CONNECT_S)
        except queue.Empty:
            greeted = _Greeted("no answer in time")
        if greeted.refused is not None:
            self.abandon()
            advice = "check user, password, access rules and protocol" + (", and whether the port speaks TLS" if with_advice else "")
            msg = f"{doing}: {greeted.refused}: {advice}"
            raise DeliveryError(msg)

    def _on_connect(
        self, client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._greetings.put(_Greeted(f"refused ({code})" if code.is_failure else None))
        if not code.is_failure:
            client.subscribe([(topic, SubscribeOptions(qos=1) if self._five else 1) for topic in self._topics])  # type: ignore[arg-type]

    def _on_subscribe(
        self, _client: Client, _userdata: object, _message_id: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [f"{topic} is refused ({code})" for topic, code in zip(self._topics, codes, strict=False) if code.value >= FIRST_FAILURE]
        self._greetings.put(_Greeted("; ".join(refused) or None))

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._put(Arrived(topic, bytes(message.payload), message.mid, message.qos, self))

    def _on_disconnect(
        self, _client: Client, _userdata: object, _flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._open = False
        self._greetings.put(_Greeted(f"connection lost ({code})"))
        self._put(Gone(str(code), self))
