"""Verdicts to a broker, MQTT 5 or 3.1.1; an acknowledgement counts only if it means that somebody has the verdict.

Default mosquitto acknowledged 5,000 verdicts for an offline subscriber and delivered 1,000 of them, so the spool keeps rows beyond the
acknowledgement, and consumers see gaps by (epoch, seq).
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime, timezone

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import DeliveryError, NobodyListensError
from edge.message import MAX_MESSAGE_BYTES, SCHEMA, encode, shortened
from edge.records import Inspection, Trouble
from edge.sinks.mqtt.command_topics import CommandTopics
from edge.sinks.mqtt.connection import Inbox, MqttConnection, Received, Sent
from edge.sinks.mqtt.presence import Presences, process_instance
from edge.sinks.mqtt.replay_topic import ReplayTopic
from edge.sinks.mqtt.resolver import Resolver
from edge.sinks.mqtt.responses import Responses
from edge.sinks.mqtt.station_state import StationState
from edge.sinks.mqtt.verdict_properties import VerdictProperties
from edge.sinks.mqtt.wire import Enabled, Status
from edge.sinks.route import BoxStatus
from firmware_config.outputs import MqttOutput

log = logging.getLogger(__name__)

NO_MATCHING_SUBSCRIBERS = 0x10
FIRST_FAILURE = 0x80
"""MQTT 5, 2.4: reason codes from here on mean that the operation failed."""
PACKET_BYTES = 16
"""What a packet holds besides topic, properties and payload, at most."""
LOST_AT_TOPIC, MAX_BLAMED = 2, 1_000
SMALL_BYTES = 1_024
"""No verdict of so few bytes is too large."""
LOSSES = 5
"""A broker may end the connection without a word when a message is too large for it: after so many times it is sent shortened."""

STATE_EVERY_S = 1.0
"""Retained state follows the verdicts at most this often: consumers that want each one subscribe to the verdicts."""


class MqttSink:
    """Delivers the verdicts of stations that share a broker and a root, and keeps the retained topics of box and stations.

    Topics: `<root>/<station>/verdict`, `<root>/<station>/state`, `<root>/<station>/enabled/state`, `<root>/<box>/status`,
    `<root>/<box>/info`, `<root>/<box>/events`; it listens on `<root>/<box>/replay`, `<root>/<station>/enabled/set` and,
    for the stations that are `triggered`, `<root>/<station>/trigger`.
    """

    def __init__(
        self,
        settings: MqttOutput,
        *,
        root: str,
        box: str,
        stations: Sequence[str],
        triggered: Sequence[str] = (),
        info: Mapping[str, object],
        clock: Callable[[], float] = time.monotonic,
        instance: str | None = None,
    ) -> None:
        self._settings = settings
        self._root = root
        self._status_topic, self._info_topic = f"{root}/{box}/status", f"{root}/{box}/info"
        # The same at each start, so that the broker drops a half-open connection of ours as soon as the next one is there.
        digest = hashlib.sha256(f"{settings.model_dump_json()} {root}".encode()).hexdigest()
        self._client_id = f"kotoba-{box}-{digest[:8]}"
        self._clock = clock
        self._states = {station: StationState(station) for station in stations}
        where = f"{settings.host}:{settings.port}"
        self._presences = Presences(root=root, box=box, where=where, instance=instance or process_instance(), clock=clock)
        self._info = {"schema": SCHEMA, "box": box, "instance": self._presences.instance, **info}
        self._wanted = {
            self._status_topic: Status(state="online", since=datetime.now(timezone.utc)).payload(),
            self._info_topic: self._info_of(stations),
        }
        self.replays = ReplayTopic()
        self._events_topic = f"{root}/{box}/events"
        self._responses = Responses(max_message_bytes=settings.max_message_bytes)
        self.commands = CommandTopics(
            root=root, stations=stations, triggered=triggered, responses=self._responses, as_published=settings.protocol == "5"
        )
        self._replay_topic = f"{root}/{box}/replay"
        self._inbox = self._inbox_now()
        self._taken = False
        """Whether the last verdict got through: until one does, they are tried one by one, so that they arrive in order."""
        self._undelivered: Counter[str] = Counter()
        """How often the connection was lost while the largest message under way was that of an inspection, by its id."""
        self._retained: dict[str, bytes] = {}
        self._untaken: dict[str, str] = {}
        """Why the broker does not take a topic, on this connection."""
        self._blamed: Counter[str] = Counter()
        """How often in a row the connection was lost with a topic other than verdicts under way."""
        self._refreshed_at = 0.0
        self._lock = threading.Lock()
        self._states_lock = threading.Lock()
        """Never held for long: the main loop says what is wrong with a camera while a delivery waits for its acknowledgement."""
        self._connection: MqttConnection | None = None
        self._closed = threading.Event()
        self._resolver = Resolver(settings.host, settings.port)
        self._waits = 0

    def serve(self, stations: Sequence[str], triggered: Sequence[str]) -> None:
        """Serve these stations from now on, some of them triggered, over the same connection. Those that are gone are said to be off."""
        with self._states_lock:
            for gone in self._states.keys() - set(stations):
                state = self._states.pop(gone)
                state.set_enabled(enabled=False)
                self._wanted[f"{self._root}/{gone}/state"] = state.payload()
                self._wanted[f"{self._root}/{gone}/enabled/state"] = Enabled(enabled=False, since=datetime.now(timezone.utc)).payload()
            for station in stations:
                if station not in self._states:
                    self._states[station] = StationState(station)
                    self._wanted.pop(f"{self._root}/{station}/state", None)
            self._wanted[self._info_topic] = self._info_of(stations)
            self.commands.serve(stations, triggered)
            self._inbox = self._inbox_now()

    def _info_of(self, stations: Sequence[str]) -> bytes:
        return json.dumps(self._info | {"stations": list(stations)}, ensure_ascii=False).encode()

    def _inbox_now(self) -> Inbox:
        topics = (self._replay_topic, *self.commands.topics, *self._presences.topics)
        return Inbox(topics, self._take, as_published=self.commands.switches)

    def set_status(self, status: BoxStatus) -> None:
        """Say how the box is; published with the next contact, within a second or so."""
        said = Status(state=status.state, since=status.since, detail=status.why, stations=status.stations)
        self._wanted[self._status_topic] = said.payload()

    def set_info(self, info: Mapping[str, object]) -> None:
        """Say what the box is; published with the next contact."""
        with self._states_lock:
            self._info |= info
            self._wanted[self._info_topic] = self._info_of(tuple(self._states))

    def waits(self) -> int:
        """A number that grows while the broker is waited for; from any thread."""
        return self._waits

    def _wait(self) -> None:
        self._waits += 1

    def set_troubles(self, station: str, troubles: tuple[Trouble, ...]) -> None:
        """Say what is wrong with the camera of a station; published with the next contact."""
        with self._states_lock:
            if station in self._states:
                self._states[station].set_troubles(troubles)

    def set_enabled(self, station: str, enabled: bool, since: datetime) -> None:  # noqa: FBT001 -- handed on as a plain function
        """Say whether a station is switched on, since when; published with the next contact."""
        with self._states_lock:
            if station in self._states:
                self._wanted[f"{self._root}/{station}/enabled/state"] = Enabled(enabled=enabled, since=since).payload()
                self._states[station].set_enabled(enabled=enabled)

    def answer(self, inspection: Inspection) -> None:
        """Answer a request on its response topic, if it named one: at once where there is a connection, else with the next one."""
        self._responses.answer(inspection)
        self._send_responses()

    def complaint(self) -> str | None:
        """The topics that the broker does not let the box hear or publish, or another box of this name."""
        connection, other = self._connection, self._presences.complaint()
        if other is not None:
            return other
        for topic, why in tuple(self._untaken.items()):
            return f"the broker {self._settings.host} does not take {topic} ({why}): check its access rules"
        not_heard = () if connection is None else connection.not_subscribed
        missing = [topic for topic in not_heard if topic not in self._presences.topics]
        if not missing:
            return None
        topics = ", ".join(missing)
        return f"the broker {self._settings.host} lets the box not subscribe to {topics}, so no command arrives: check its access rules"

    def connect(self) -> None:
        """Connect if there is no connection, and bring the retained topics up to date.

        Raises:
            DeliveryError: the broker cannot be reached or refuses.
        """
        with self._lock:
            self._refresh(self._live_connection())
            self._send_responses()

    def reach(self) -> None:
        """Greet the broker and leave: no topic is touched.

        Raises:
            DeliveryError: it cannot be reached or refuses.
        """
        self._open(will=None, listening=False).disconnect()

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        """Publish verdicts, some of them at once, and yield each when it is acknowledged and so are those before it.

        Raises:
            NobodyListensError: MQTT 5, the broker has no subscriber for it (unless the settings do not ask for one).
            DeliveryError: it was not acknowledged in time, or refused, or there is no connection.
        """
        with self._lock:
            connection = self._live_connection()
            if self._clock() - self._refreshed_at >= STATE_EVERY_S:  # also where no verdict gets through: the status says why
                self._refresh(connection)
            if self._taken:  # verdicts first: a response may be the reason why the connection was lost
                self._send_responses()
            cannot: DeliveryError | None = None
            under_way: deque[tuple[Inspection, Sent, int]] = deque()
            left = iter(inspections)
            while True:
                window = connection.window if self._taken else 1
                while cannot is None and len(under_way) < window and (inspection := next(left, None)) is not None:
                    try:
                        under_way.append(self._send(connection, inspection))
                    except DeliveryError as err:  # those before it are waited for
                        cannot = err
                if not under_way:
                    break
                inspection, sent, _ = under_way[0]
                self._taken = False
                try:
                    code = connection.acknowledgement(sent)
                except DeliveryError:
                    largest = max(under_way, key=lambda one: one[2])[0].id
                    if len(self._undelivered) > MAX_BLAMED:
                        self._undelivered.clear()
                    self._undelivered[largest] += LOSSES if connection.too_large else 1
                    raise
                self._require_taken(code, sent.topic)
                under_way.popleft()
                self._taken = True
                self._undelivered.pop(inspection.id, None)
                self._add_to_state(inspection)
                yield inspection
            if cannot is not None:
                self._taken = False
                raise cannot

    def _add_to_state(self, inspection: Inspection) -> None:
        with self._states_lock:
            if inspection.station in self._states:  # else it was under way when the station went
                self._states[inspection.station].add(inspection)

    def _send(self, connection: MqttConnection, inspection: Inspection) -> tuple[Inspection, Sent, int]:
        """Publish a verdict, shortened where the broker takes no larger one; returns it with the bytes of the message."""
        topic = f"{self._root}/{inspection.station}/verdict"
        properties = VerdictProperties(inspection) if self._settings.protocol == "5" else None
        payload = encode(inspection)
        around = PACKET_BYTES + len(topic.encode()) + (0 if properties is None else len(properties.pack()))
        limit = min(connection.max_packet_bytes or MAX_MESSAGE_BYTES, self._settings.max_message_bytes or MAX_MESSAGE_BYTES) - around
        if len(payload) > limit or (self._undelivered[inspection.id] >= LOSSES and len(payload) > SMALL_BYTES):
            whole, payload = len(payload), encode(shortened(inspection))
            said = f"verdict {inspection.id} of {inspection.station} has {whole} bytes, the broker takes {limit}"
            log.warning("%s: it is sent with %d, without its words", said, len(payload))
            if len(payload) > limit:
                msg = f"{said}, and without its words it has {len(payload)}: raise the broker's limit"
                raise DeliveryError(msg)
        return inspection, connection.send(topic, payload, retain=False, properties=properties), len(payload)

    def _require_taken(self, code: int, topic: str) -> None:
        if code == NO_MATCHING_SUBSCRIBERS and self._settings.require_subscriber:
            msg = f"publishing on {topic}: the broker has no subscriber for it: start the consumer, or set require_subscriber = false"
            raise NobodyListensError(msg)
        _check(code, topic)

    def _take(self, received: Received) -> None:
        """Take a message of another program; in paho's thread."""
        if received.topic in self._presences.topics:
            self._take_presence(received)
        elif received.topic != self._replay_topic:
            self.commands.take(received)
            self._send_responses()
        elif not received.retained:
            self.replays.take(received.payload)

    def _take_presence(self, received: Received) -> None:
        connection, said = self._connection, self._presences.take(received)
        if said is not None and connection is not None:
            connection.tell(self._presences.topic, said)

    def _send_responses(self) -> None:
        connection = self._connection
        if connection is not None:
            self._responses.send(connection)

    def close(self) -> None:
        """Leave: retained status `offline`, goodbye to the broker. A delivery under way fails."""
        self._closed.set()
        if not self._lock.acquire(blocking=False):
            connection = self._connection
            if connection is not None:
                connection.abandon()
            return
        try:
            if self._connection is not None and self._connection.alive:
                self._wanted[self._status_topic] = Status(state="offline", since=datetime.now(timezone.utc)).payload()
                self._say_goodbye(self._connection)
            self._connection = None
        finally:
            self._lock.release()

    def _say_goodbye(self, connection: MqttConnection) -> None:
        try:
            if not self._presences.must_leave:  # else the topics are those of another box
                self._refresh(connection)
        except DeliveryError:
            connection.abandon()
        else:
            connection.disconnect()

    def _live_connection(self) -> MqttConnection:
        if self._closed.is_set():
            msg = f"publishing to the broker {self._settings.host}: the sink is closed: open a new one"
            raise DeliveryError(msg)
        if self._presences.must_leave:
            self._part()
            self._presences.leave()
        if self._connection is None or not self._connection.alive:
            if self._connection is not None:
                self._presences.lose(taken_over=self._connection.taken_over)
                self._connection.abandon()
                self._connection = None
            self._retained, self._untaken = {}, {}
            if self._presences.is_careful:
                self._connection = self._open(will=None, listening=True)
                try:
                    self._presences.ask(self._connection, waiting=self._wait, closed=self._closed)
                finally:
                    self._part()
            self._connection = self._open(will=(self._status_topic, Status(state="offline").payload()), listening=True)
            self._presences.hold()
            self._refresh(self._connection)
        return self._connection

    def _part(self) -> None:
        """Say goodbye without a word on any topic, so that the broker drops the last will too."""
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

    def _open(self, *, will: tuple[str, bytes] | None, listening: bool) -> MqttConnection:
        identity, inbox = self._presences.identity(self._client_id), self._inbox if listening else None
        self.commands.listen_anew()
        return MqttConnection(self._settings, client_id=identity, will=will, resolver=self._resolver, waiting=self._wait, inbox=inbox)

    def _refresh(self, connection: MqttConnection) -> None:
        """Publish the retained topics that the broker does not have as they are wanted, and events.

        What it does not take is told as a complaint, and does not hold up verdicts.
        """
        if self._presences.overwrote():
            for topic in (self._status_topic, self._info_topic):
                self._retained.pop(topic, None)
        with self._states_lock:
            wanted = dict(self._wanted)
            states = {f"{self._root}/{station}/state": state.payload() for station, state in self._states.items()}
        for topic, payload in (wanted | states).items():
            if self._retained.get(topic) != payload:
                self._publish_beside(connection, topic, payload, retain=True)
                self._retained[topic] = payload
        connection.listen(self._inbox)
        while (event := self.replays.next_event()) is not None:
            self.replays.event_delivered(event)  # before it is tried: once lost, a consumer asks again
            self._publish_beside(connection, self._events_topic, event, retain=False)
        self._refreshed_at = self._clock()

    def _publish_beside(self, connection: MqttConnection, topic: str, payload: bytes, *, retain: bool) -> None:
        """Publish what is no verdict; after two lost connections in a row at this topic, the next one goes without it."""
        if self._blamed[topic] >= LOST_AT_TOPIC:
            self._blamed[topic], self._untaken[topic] = 0, "the connection was lost each time"
            return
        try:
            code = connection.publish(topic, payload, retain=retain)
        except DeliveryError:
            self._blamed[topic] += 1
            raise
        self._blamed[topic] = 0
        if code >= FIRST_FAILURE:
            self._untaken[topic] = str(ReasonCode(PacketTypes.PUBACK, identifier=code))
        else:
            self._untaken.pop(topic, None)


def _check(code: int, topic: str) -> None:
    if code >= FIRST_FAILURE:
        reason = ReasonCode(PacketTypes.PUBACK, identifier=code)
        msg = f"publishing on {topic}: the broker refuses it with 0x{code:02X} ({reason}): check its access rules and quotas"
        raise DeliveryError(msg)
