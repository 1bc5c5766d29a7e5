"""One connection to a broker, used once: a paho client that never reconnects, with few messages under way at a time.

paho is no queue of ours: it keeps messages in memory, publishes what it was given while offline, and restarts message ids. A fresh
client per connection makes each acknowledgement belong to exactly one message.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.errors import DeliveryError
from edge.sinks.mqtt.client import LookedUpClient
from edge.sinks.mqtt.resolver import SLICE_S, Resolver
from edge.sinks.mqtt.sockets import CONNECT_S, tls_context
from firmware_config.outputs import MqttOutput
from firmware_config.regular_file import read_secret

log = logging.getLogger(__name__)

GOODBYE_S = 1.0

AT_LEAST_ONCE = 1
WINDOW = 10
"""Messages under way at once; paho holds back more than these itself."""
SESSION_TAKEN_OVER, PACKET_TOO_LARGE = 0x8E, 0x95


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came in at `arrived_ns` (monotonic). `response_topic` and `correlation` are MQTT 5's, of one that wants an answer."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None
    arrived_ns: int = 0


@dataclass(frozen=True, slots=True)
class Inbox:
    """The topics to subscribe to, and what takes their messages: quickly, for it is called in paho's thread.

    Else `retained` says of a message that the broker had it before we listened. On the topics `as_published`, with MQTT 5, it says that it
    was published so: that, too, is then said of one that comes while we listen.
    """

    topics: Sequence[str]
    take: Callable[[Received], None]
    as_published: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Connected:
    refused: str | None


@dataclass(frozen=True, slots=True)
class _Acknowledged:
    message_id: int
    code: int


@dataclass(frozen=True, slots=True)
class _Gone:
    reason: str
    code: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A message under way, and the monotonic second by which its acknowledgement must be there."""

    message_id: int
    topic: str
    until: float


class MqttConnection:
    """Opened by the constructor.

    `will` is the topic and payload that the broker publishes, retained, when this connection is lost; None: nothing. `waiting` is called
    again and again while the other side is waited for.

    `window` is how many messages may be under way, `max_packet_bytes` what the broker takes at most, None where it does not say.
    `too_large` says that it ended the connection because a message was larger, `taken_over` that another client of our identity came.
    `not_subscribed` are topics that it lets us not hear.

    Raises:
        DeliveryError: the broker cannot be reached, does not prove who it is, or refuses us.
    """

    def __init__(
        self,
        settings: MqttOutput,
        *,
        client_id: str,
        will: tuple[str, bytes] | None,
        resolver: Resolver,
        waiting: Callable[[], None],
        inbox: Inbox | None = None,
    ) -> None:
        self._settings = settings
        self._waiting = waiting
        self._where = f"{settings.host}:{settings.port}"
        self._events: queue.SimpleQueue[_Connected | _Acknowledged | _Gone] = queue.SimpleQueue()
        version = MQTTProtocolVersion.MQTTv5 if settings.protocol == "5" else MQTTProtocolVersion.MQTTv311
        self._client = LookedUpClient(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=False)
        self._client.connect_timeout = CONNECT_S
        if will is not None:
            self._client.will_set(*will, qos=AT_LEAST_ONCE, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._inbox = inbox
        self._subscribing: deque[tuple[str, ...]] = deque()
        """The topics of each SUBSCRIBE that is not acknowledged yet; a broker acknowledges them in order."""
        self._codes: dict[int, int] = {}
        self.window, self.too_large, self.taken_over = WINDOW, False, False
        self.max_packet_bytes: int | None = None
        self.not_subscribed: tuple[str, ...] = ()
        self._publishing = threading.Lock()
        self._abandoned = False
        try:
            self._authenticate()
            self._client.addresses = resolver.addresses(within_s=CONNECT_S, waiting=waiting)
            self._client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)
        except (OSError, ValueError) as err:  # ssl.SSLError is an OSError
            self._client.close_sockets()
            msg = f"connecting to the broker {self._where}: {err}: check host, port, TLS files and that the broker runs"
            raise DeliveryError(msg) from err
        self._client.loop_start()
        self._alive, self._greeted = True, False
        event = self._next_event("waiting for the broker's greeting", until=time.monotonic() + CONNECT_S)
        if not isinstance(event, _Connected) or event.refused is not None:
            self.abandon()
            msg = f"connecting to the broker {self._where}: refused: {getattr(event, 'refused', event)}: check user, password and protocol"
            raise DeliveryError(msg)
        self._greeted = True
        if inbox is not None:
            self._subscribe(inbox, inbox.topics)

    def listen(self, inbox: Inbox) -> None:
        """Listen on the topics of another inbox from now on: the new ones are subscribed to, what the others keep is not sent again."""
        before = self._inbox
        if before is None or before is inbox or not self.alive:
            return
        gone, new = (sorted(set(one.topics) - set(other.topics)) for one, other in ((before, inbox), (inbox, before)))
        self._inbox = inbox
        self.not_subscribed = tuple(topic for topic in self.not_subscribed if topic not in gone)
        with self._publishing:
            if gone:
                self._client.unsubscribe(gone)
        if new:
            self._subscribe(inbox, new)

    @property
    def alive(self) -> bool:
        """False once the connection is known to be lost."""
        while self._alive and not self._events.empty():
            event = self._events.get()
            self._alive = not isinstance(event, _Gone)
        return self._alive

    def publish(self, topic: str, payload: bytes, *, retain: bool, properties: Properties | None = None) -> int:
        """Publish with QoS 1 and wait for the acknowledgement; returns its reason code (always 0 in MQTT 3.1.1).

        Raises:
            DeliveryError: none came in time, or the connection is lost; this connection is then of no more use.
        """
        return self.acknowledgement(self.send(topic, payload, retain=retain, properties=properties))

    def send(self, topic: str, payload: bytes, *, retain: bool, properties: Properties | None = None) -> Sent:
        """Publish with QoS 1 without waiting; of these at most `window` may be under way."""
        until = time.monotonic() + self._settings.ack_timeout_s
        # The return code is of no use: paho says "no connection" of messages that it keeps and "success" of messages that it only queues.
        with self._publishing:
            message = self._client.publish(topic, payload, qos=AT_LEAST_ONCE, retain=retain, properties=properties)
        self._codes.pop(message.mid, None)  # of a message long ago that nobody waited for
        return Sent(message.mid, topic, until)

    def tell(self, topic: str, payload: bytes, *, properties: Properties | None = None) -> Callable[[], bool] | None:
        """Publish with QoS 1 from any thread; returns what says whether it is acknowledged, None if the connection is closed."""
        with self._publishing:
            if self._abandoned:  # paho's thread would not end while it has a message
                return None
            message = self._client.publish(topic, payload, qos=AT_LEAST_ONCE, retain=False, properties=properties)

        def is_acknowledged() -> bool:
            try:
                return message.is_published()
            except (RuntimeError, ValueError):  # it could not be sent
                return False

        return is_acknowledged

    def acknowledgement(self, sent: Sent) -> int:
        """Wait for the acknowledgement of a message; returns its reason code, and raises as `publish` does."""
        while sent.message_id not in self._codes:
            event = self._next_event(f"publishing on {sent.topic}", until=sent.until)
            if isinstance(event, _Acknowledged):
                self._codes[event.message_id] = event.code
        return self._codes.pop(sent.message_id)

    def disconnect(self) -> None:
        """Say goodbye, so that the broker drops the last will, and close."""
        if self._alive:
            self._client.disconnect()
            with contextlib.suppress(DeliveryError):
                while True:
                    self._next_event("saying goodbye", until=time.monotonic() + GOODBYE_S)
        self.abandon()

    def abandon(self) -> None:
        """Close without goodbye; from any thread, also while `publish` waits."""
        self._alive = False
        with self._publishing:
            self._abandoned = True
        self._client.shut_down()
        self._client.drop_out_messages()  # paho's thread does not end while it has one
        self._client.loop_stop()
        with self._publishing:
            self._client.close_sockets()
        self._events.put(_Gone("closed here"))

    def _subscribe(self, inbox: Inbox, topics: Sequence[str]) -> None:
        self._subscribing.append(tuple(topics))
        with self._publishing:
            if self._settings.protocol == "5":
                kept = set(inbox.as_published)
                self._client.subscribe([(each, SubscribeOptions(AT_LEAST_ONCE, retainAsPublished=each in kept)) for each in topics])
            else:
                self._client.subscribe([(each, AT_LEAST_ONCE) for each in topics])

    def _authenticate(self) -> None:
        settings = self._settings
        if settings.tls is not None:
            self._client.tls_set_context(tls_context(settings.tls))
        if settings.username is not None:
            password = None if settings.password_file is None else _password(settings.password_file)
            self._client.username_pw_set(settings.username, password)

    def _next_event(self, doing: str, *, until: float) -> _Connected | _Acknowledged:
        event = self._event_until(until)
        if isinstance(event, _Gone):
            self.too_large = event.code == PACKET_TOO_LARGE
            self.abandon()
            plain = not self._greeted and self._settings.tls is None
            advice = "if this port speaks TLS, give [outputs.mqtt.tls]; " if plain else ""
            msg = f"{doing} at the broker {self._where}: {event.reason}: {advice}it is tried again"
            raise DeliveryError(msg)
        return event

    def _event_until(self, until: float) -> _Connected | _Acknowledged | _Gone:
        while True:
            left_s = until - time.monotonic()
            try:
                return self._events.get(timeout=max(0.0, min(SLICE_S, left_s)))
            except queue.Empty:
                self._waiting()
                if left_s <= 0:
                    return _Gone("no answer in time")

    def _on_connect(
        self, _client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        self.window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        self.max_packet_bytes = getattr(properties, "MaximumPacketSize", None)
        self._client.allow_under_way(self.window)  # also of what is told from other threads
        self._events.put(_Connected(str(code) if code.is_failure else None))

    def _on_publish(self, _client: Client, _userdata: object, message_id: int, code: ReasonCode, _properties: Properties) -> None:
        self._events.put(_Acknowledged(message_id, code.value))
        sock = self._client.socket()
        if sock is not None and self._inbox is not None:
            with contextlib.suppress(OSError):
                # A broker holds the next trigger back until its last packet is acknowledged, which the kernel likes to put off by 40 ms.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # type: ignore[attr-defined]

    def _on_disconnect(
        self, _client: Client, _userdata: object, _flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self.taken_over = code.value == SESSION_TAKEN_OVER
        self._events.put(_Gone(f"connection lost ({code})", code.value))

    def _on_subscribe(
        self, _client: Client, _userdata: object, _message_id: int, codes: Sequence[ReasonCode], _properties: Properties | None
    ) -> None:
        topics = self._subscribing.popleft() if self._subscribing else ()
        refused = [topic for topic, code in zip(topics, codes, strict=False) if code.is_failure]
        self.not_subscribed = (*self.not_subscribed, *refused)
        if refused:
            log.warning("broker %s lets the box not subscribe to %s: check its access rules", self._where, ", ".join(refused))

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        arrived_ns, properties = time.monotonic_ns(), message.properties
        if self._inbox is not None:
            answer_to = getattr(properties, "ResponseTopic", None), getattr(properties, "CorrelationData", None)
            try:
                self._inbox.take(Received(message.topic, bytes(message.payload), message.retain, *answer_to, arrived_ns))
            except Exception:  # a bug of ours must not end paho's thread, and the connection with it
                log.exception("message not taken topic=%s", message.topic)


def _password(path: Path) -> str:
    try:
        return read_secret(path)
    except OSError as err:
        msg = f"the password file {path} cannot be read ({err.strerror})"
        raise OSError(msg) from err
