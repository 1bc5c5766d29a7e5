"""Answers on the response topics of MQTT 5, beside the verdict: sent at once by the thread that has them, again until acknowledged."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.message import MAX_MESSAGE_BYTES, encode, shortened
from edge.records import Inspection

log = logging.getLogger(__name__)

MAX_EXPECTED = 5_000
"""Requests whose response topics are known; the oldest is forgotten first. A verdict is delivered in any case."""
WINDOW = 100
"""Answers under way at once: more would hold up the verdicts."""
MAX_TRIES = 2
"""Connections on which an answer is sent: a broker may end a connection because of it, and verdicts must get through."""
MAX_WAITING = 5_000
"""Answers that the broker has not acknowledged; the oldest is dropped first, and that is said in the log."""
PACKET_BYTES = 64
"""What a packet holds besides topic, correlation data and payload, at most."""


class Teller(Protocol):
    """A connection, as far as answers need it."""

    max_packet_bytes: int | None

    def tell(self, topic: str, payload: bytes, *, properties: Properties) -> Callable[[], bool] | None:
        """Publish from any thread; returns what says whether it is acknowledged, None if the connection is closed."""


@dataclass(slots=True)
class _Response:
    topic: str
    correlation: bytes | None
    said: Inspection | str
    over: Teller | None = None
    tries: int = 0
    is_acknowledged: Callable[[], bool] = lambda: False


class Responses:
    """The response topics of open requests, and the answers that the broker has not acknowledged. Any thread may call."""

    def __init__(self, *, max_message_bytes: int | None = None) -> None:
        self._max_bytes = max_message_bytes or MAX_MESSAGE_BYTES
        self._lock = threading.Lock()
        self._expected: dict[tuple[str, str], tuple[str, bytes | None]] = {}
        self._waiting: deque[_Response] = deque()
        self._is_full = False

    def expect(self, station: str, request_id: str, topic: str, correlation: bytes | None) -> bool:
        """Note where the answer to a request goes; False if that is known already, which stays."""
        with self._lock:
            if (station, request_id) in self._expected:
                return False
            self._expected[station, request_id] = topic, correlation
            if len(self._expected) > MAX_EXPECTED:
                del self._expected[next(iter(self._expected))]
            return True

    def forget(self, station: str, request_id: str) -> None:
        """No answer is wanted after all."""
        with self._lock:
            self._expected.pop((station, request_id), None)

    def answer(self, inspection: Inspection) -> None:
        """Answer a request with its inspection, if it named a topic."""
        with self._lock:
            where = self._expected.pop((inspection.station, inspection.request_id or ""), None)
            if where is not None:
                self._add(_Response(*where, inspection))

    def refuse(self, topic: str, correlation: bytes | None, sentence: str) -> None:
        """Answer a request that is not taken."""
        with self._lock:
            self._add(_Response(topic, correlation, sentence))

    def send(self, connection: Teller) -> None:
        """Send what this connection was not given yet; what an earlier one had and did not get acknowledged goes once more."""
        with self._lock:
            self._waiting = deque(one for one in self._waiting if not one.is_acknowledged() and not self._is_given_up(one, connection))
            under_way = sum(one.over is connection for one in self._waiting)
            for one in islice(self._waiting, under_way, WINDOW):  # what was sent stands before the others
                payload = self._payload(one, connection)
                told = connection.tell(one.topic, payload, properties=_properties(one))
                if told is None:
                    return
                one.over, one.is_acknowledged, one.tries = connection, told, one.tries + 1

    def _is_given_up(self, response: _Response, connection: Teller) -> bool:
        if response.over is connection:
            return False
        is_too_large = len(self._payload(response, connection)) + _around(response) > self._limit(connection)
        if is_too_large or response.tries >= MAX_TRIES:
            why = "it is larger than the broker takes" if is_too_large else f"{MAX_TRIES} connections ended before the broker had it"
            log.warning("response dropped topic=%s: %s", response.topic[:80], why)
            return True
        return False

    def _limit(self, connection: Teller) -> int:
        return min(self._max_bytes, connection.max_packet_bytes or MAX_MESSAGE_BYTES)

    def _add(self, response: _Response) -> None:
        while self._waiting and self._waiting[0].is_acknowledged():
            self._waiting.popleft()
        if len(self._waiting) < MAX_WAITING:
            self._is_full = False
        else:
            dropped = self._waiting.popleft()
            if not self._is_full:
                log.warning("responses dropped, the broker acknowledges too slowly first=%s", dropped.topic)
            self._is_full = True
        self._waiting.append(response)

    def _payload(self, response: _Response, connection: Teller) -> bytes:
        if isinstance(response.said, str):
            return json.dumps({"error": response.said}, ensure_ascii=False).encode()
        payload = encode(response.said)
        fits = len(payload) + _around(response) <= self._limit(connection)
        return payload if fits else encode(shortened(response.said))


def _around(response: _Response) -> int:
    return PACKET_BYTES + len(response.topic.encode()) + len(response.correlation or b"")


def _properties(response: _Response) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = "application/json"
    properties.PayloadFormatIndicator = 1  # UTF-8
    if response.correlation is not None:
        properties.CorrelationData = response.correlation
    return properties
