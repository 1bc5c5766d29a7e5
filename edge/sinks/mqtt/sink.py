"""Verdicts to a broker, MQTT 5 or 3.1.1; an acknowledgement counts only if it means that somebody has the verdict.

Default mosquitto acknowledged 5,000 verdicts for an offline subscriber and delivered 1,000 of them, so the spool keeps rows beyond the
acknowledgement, and consumers see gaps by (epoch, seq).
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import DeliveryError, NobodyListensError
from edge.message import SCHEMA, encode, utc_text
from edge.records import Inspection, Trouble
from edge.sinks.mqtt.connection import MqttConnection
from edge.sinks.mqtt.resolver import Resolver
from edge.sinks.mqtt.station_state import StationState
from edge.sinks.route import BoxStatus, SinkRoute, stations_by_destination
from firmware_config.outputs import MqttOutput
from firmware_config.station import Station

NO_MATCHING_SUBSCRIBERS = 0x10
FIRST_FAILURE = 0x80
"""MQTT 5, 2.4: reason codes from here on mean that the operation failed."""

STATE_EVERY_S = 1.0
"""Retained state follows the verdicts at most this often: consumers that want each one subscribe to the verdicts."""


def mqtt_routes(stations: Sequence[Station], *, box: str, info: Mapping[str, object]) -> Iterator[SinkRoute]:
    """One sink for each broker and root. Stations that share both share the connection: its last will can name only one status topic.

    Raises:
        DeliveryError: a password or certificate file cannot be read.
    """
    brokers = [((station.outputs.mqtt, station.station.path), station.station.name) for station in stations if station.outputs.mqtt]
    for (settings, root), names in stations_by_destination(brokers).items():
        sink = MqttSink(settings, root=root, box=box, stations=names, info=info)
        yield SinkRoute("mqtt", names, sink, sink.set_status, sink.set_troubles, sink.waits, sink.reach)


class MqttSink:
    """Delivers the verdicts of stations that share a broker and a root, and keeps the retained topics of box and stations.

    Topics: `<root>/<station>/verdict`, `<root>/<station>/state`, `<root>/<box>/status`, `<root>/<box>/info`.
    """

    def __init__(
        self,
        settings: MqttOutput,
        *,
        root: str,
        box: str,
        stations: Sequence[str],
        info: Mapping[str, object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._root = root
        self._status_topic = f"{root}/{box}/status"
        # The same at each start, so that the broker drops a half-open connection of ours as soon as the next one is there.
        digest = hashlib.sha256(f"{settings.model_dump_json()} {root}".encode()).hexdigest()
        self._client_id = f"kotoba-{box}-{digest[:8]}"
        self._clock = clock
        self._states = {station: StationState(station) for station in stations}
        self._wanted = {
            self._status_topic: _status("online", since=datetime.now(timezone.utc)),
            f"{root}/{box}/info": json.dumps({"schema": SCHEMA, **info}, ensure_ascii=False).encode(),
            **{self._state_topic(station): state.payload() for station, state in self._states.items()},
        }
        self._retained: dict[str, bytes] = {}
        self._refreshed_at = 0.0
        self._lock = threading.Lock()
        self._states_lock = threading.Lock()
        """Never held for long: the main loop says what is wrong with a camera while a delivery waits for its acknowledgement."""
        self._connection: MqttConnection | None = None
        self._closed = threading.Event()
        self._resolver = Resolver(settings.host, settings.port)
        self._waits = 0

    def set_status(self, status: BoxStatus) -> None:
        """Say how the box is; published with the next contact, within a second or so."""
        self._wanted[self._status_topic] = _status(status.state, since=status.since, detail=status.why, stations=status.stations)

    def waits(self) -> int:
        """A number that grows while the broker is waited for; from any thread."""
        return self._waits

    def _wait(self) -> None:
        self._waits += 1

    def set_troubles(self, station: str, troubles: tuple[Trouble, ...]) -> None:
        """Say what is wrong with the camera of a station; published with the next contact."""
        self._change_state(station, lambda state: state.set_troubles(troubles))

    def connect(self) -> None:
        """Connect if there is no connection, and bring the retained topics up to date.

        Raises:
            DeliveryError: the broker cannot be reached or refuses.
        """
        with self._lock:
            self._refresh(self._live_connection())

    def reach(self) -> None:
        """Greet the broker and leave: no topic is touched.

        Raises:
            DeliveryError: it cannot be reached or refuses.
        """
        self._open(will=None).disconnect()

    def deliver(self, inspection: Inspection) -> None:
        """Publish a verdict and wait for the acknowledgement.

        Raises:
            NobodyListensError: MQTT 5, the broker has no subscriber for it (unless the settings do not ask for one).
            DeliveryError: it was not acknowledged in time, or refused, or there is no connection.
        """
        topic = f"{self._root}/{inspection.station}/verdict"
        with self._lock:
            connection = self._live_connection()
            if self._clock() - self._refreshed_at >= STATE_EVERY_S:  # also where no verdict gets through: the status says why
                self._refresh(connection)
            code = connection.publish(topic, encode(inspection), retain=False, properties=self._properties(inspection))
            if code == NO_MATCHING_SUBSCRIBERS and self._settings.require_subscriber:
                msg = f"publishing on {topic}: the broker has no subscriber for it: start the consumer, or set require_subscriber = false"
                raise NobodyListensError(msg)
            _check(code, topic)
            self._change_state(inspection.station, lambda state: state.add(inspection))

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
                self._wanted[self._status_topic] = _status("offline", since=datetime.now(timezone.utc))
                self._say_goodbye(self._connection)
            self._connection = None
        finally:
            self._lock.release()

    def _say_goodbye(self, connection: MqttConnection) -> None:
        try:
            self._refresh(connection)
        except DeliveryError:
            connection.abandon()
        else:
            connection.disconnect()

    def _live_connection(self) -> MqttConnection:
        if self._closed.is_set():
            msg = f"publishing to the broker {self._settings.host}: the sink is closed: open a new one"
            raise DeliveryError(msg)
        if self._connection is None or not self._connection.alive:
            if self._connection is not None:
                self._connection.abandon()
                self._connection = None
            self._retained = {}
            self._connection = self._open(will=(self._status_topic, _status("offline")))
            self._refresh(self._connection)
        return self._connection

    def _open(self, *, will: tuple[str, bytes] | None) -> MqttConnection:
        return MqttConnection(self._settings, client_id=self._client_id, will=will, resolver=self._resolver, waiting=self._wait)

    def _refresh(self, connection: MqttConnection) -> None:
        """Publish the retained topics that the broker does not have as they are wanted."""
        for topic, payload in tuple(self._wanted.items()):
            if self._retained.get(topic) != payload:
                _check(connection.publish(topic, payload, retain=True), topic)
                self._retained[topic] = payload
        self._refreshed_at = self._clock()

    def _change_state(self, station: str, change: Callable[[StationState], None]) -> None:
        with self._states_lock:
            change(self._states[station])
            self._wanted[self._state_topic(station)] = self._states[station].payload()

    def _state_topic(self, station: str) -> str:
        return f"{self._root}/{station}/state"

    def _properties(self, inspection: Inspection) -> Properties | None:
        if self._settings.protocol != "5":
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = "application/json"
        properties.PayloadFormatIndicator = 1  # UTF-8
        properties.UserProperty = [
            ("schema", SCHEMA),
            ("id", inspection.id),
            ("epoch", inspection.epoch),
            ("seq", str(inspection.seq)),
            ("decision", inspection.verdict.decision.value),
        ]
        return properties


def _status(state: str, *, since: datetime | None = None, detail: str | None = None, stations: Sequence[str] = ()) -> bytes:
    """The retained status. The last will, which the broker says for us, cannot know since when."""
    said = {"state": state, "since": since and utc_text(since), "detail": detail, "stations": list(stations)}
    return json.dumps({key: value for key, value in said.items() if value}, ensure_ascii=False).encode()


def _check(code: int, topic: str) -> None:
    if code >= FIRST_FAILURE:
        reason = ReasonCode(PacketTypes.PUBACK, identifier=code)
        msg = f"publishing on {topic}: the broker refuses it with 0x{code:02X} ({reason}): check its access rules and quotas"
        raise DeliveryError(msg)
