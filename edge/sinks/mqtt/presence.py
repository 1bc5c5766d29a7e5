"""Two boxes of one name at a broker: who has been there longer stays, the other one leaves and says why.

Both would publish on the same topics, and share the identity by which the broker knows a client: each would throw the other out, for ever.
So a box listens to the retained description of its own name. Where that is of another instance, it asks on the topic `presence`, and who
hears that answers.

What is said there may be a lie. So a box that has been connected for a while stays whatever is claimed: another one that was there would
have said so by then. One that has just come believes only who also describes itself on the topic `info`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from edge.errors import DeliveryError
from edge.sinks.mqtt.connection import MqttConnection, Received
from edge.sinks.mqtt.wire import Presence

log = logging.getLogger(__name__)

ANSWER_S = 1.0
"""Who was sent away asks before it comes again, and waits this long for an answer: several times what a loaded broker needs."""

TOLD_S = 60.0
"""So long after it was last heard, the other box counts as there."""

ASK_TICK_S = 0.02
AWAY_S = 30.0
"""Who was away for longer begins anew: a box that has replaced it meanwhile is not thrown out."""

SETTLED_S = 2 * AWAY_S
"""Who has been connected for longer, without a break, was there first: another one has come back by then, or begins anew."""

MAX_BYTES = 65_536
MAX_NAMED, MAX_NAME = 16, 64


class Presences:
    """What is known of others that use the name of this box, at one broker and under one root. `take` is called in paho's thread.

    `instance` is a name that no other running daemon has.
    """

    def __init__(self, *, root: str, box: str, where: str, instance: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.topic = f"{root}/{box}/presence"
        self._info_topic = f"{root}/{box}/info"
        self._other = f"another box named {box} is at the broker {where} under {root}"
        self.instance = instance
        self._clock = clock
        self._held_since: float | None = None
        self._lost_at: float | None = None
        self._connected_at: float | None = None
        self._heard_at: float | None = None
        self._named: deque[str] = deque(maxlen=MAX_NAMED)
        """The other instances that were last described under our name."""
        self._shares_identity = self._overwrote = False
        self.must_leave = False
        """Another box stays: this one has to go."""
        self.is_careful = False
        """It had to go: it asks before it publishes anything."""

    @property
    def topics(self) -> tuple[str, str]:
        """Where to listen."""
        return (self._info_topic, self.topic)

    def identity(self, client_id: str) -> str:
        """By which the broker shall know this box; one of this instance alone, where another box may use the same."""
        return f"{client_id}-{self.instance[:8]}" if self._shares_identity or self.is_careful else client_id

    def complaint(self) -> str | None:
        """One sentence while another box wants to come in here, None else."""
        if self._heard_at is None or self._clock() - self._heard_at > TOLD_S:
            return None
        return f"{self._other}, and was sent away: give one of the two another name (KOTOBA_BOX)"

    def overwrote(self) -> bool:
        """Whether another box may have written what is retained since the last call: say it again."""
        overwrote, self._overwrote = self._overwrote, False
        return overwrote

    def hold(self) -> None:
        """Say that this box publishes here from now on, if it does not already."""
        was_away = self._lost_at is not None and self._clock() - self._lost_at > AWAY_S
        if self._held_since is None or was_away:
            self._held_since = self._clock()
        self._lost_at = None
        self._connected_at = self._clock()

    def lose(self, *, taken_over: bool) -> None:
        """Say that the connection is lost, perhaps because another client has come that has the same identity."""
        self._shares_identity |= taken_over
        self._connected_at = None
        if self._lost_at is None:
            self._lost_at = self._clock()

    def leave(self) -> None:
        """Say that this box has gone.

        Raises:
            DeliveryError: always: it says why nothing is delivered.
        """
        self._held_since = self._lost_at = self._connected_at = self._heard_at = None
        self.must_leave, self.is_careful = False, True
        msg = f"{self._other}: verdicts wait in the spool; give one of the two another name (KOTOBA_BOX)"
        raise DeliveryError(msg)

    def ask(self, connection: MqttConnection, *, waiting: Callable[[], None], closed: threading.Event) -> None:
        """Ask whether another box is there, before anything else is published; `waiting` is called while its answer is waited for.

        Raises:
            DeliveryError: it is, or the connection was lost meanwhile.
        """
        connection.tell(self.topic, self.question())
        until = time.monotonic() + ANSWER_S
        while time.monotonic() < until and connection.alive and not self.must_leave and not closed.wait(ASK_TICK_S):
            waiting()
        if self.must_leave:
            self.leave()
        if closed.is_set() or not connection.alive:
            msg = f"asking whether {self._other}: the connection was lost: it is tried again"
            raise DeliveryError(msg)
        self.is_careful = False

    def question(self) -> bytes:
        """What is asked on the topic `presence`."""
        return self._said(asks=True)

    def take(self, received: Received) -> bytes | None:
        """Take a message on one of the topics; returns what is to be published on the topic `presence`."""
        if len(received.payload) > MAX_BYTES:
            return None
        if received.topic == self._info_topic:
            return self._take_info(received.payload)
        return None if received.retained else self._take_presence(received.payload)  # retained: from an unknown time

    def _take_presence(self, payload: bytes) -> bytes | None:
        try:
            said = Presence.model_validate_json(payload)
        except ValidationError:
            return None
        if said.instance == self.instance:
            return None
        if self._is_settled() or (said.asks and self._stays_against(said)):
            if self.complaint() is None:
                log.warning("%s instance=%s: it is sent away", self._other, said.instance)
            self._heard_at, self._overwrote = self._clock(), True
            return self._said(asks=False) if said.asks else None
        if said.instance not in self._named:
            return None
        if not self.must_leave and not self.is_careful:
            log.warning("%s instance=%s: this one gives way", self._other, said.instance)
        self.must_leave = True
        return None

    def _take_info(self, payload: bytes) -> bytes | None:
        """What another instance says of itself under our name makes us ask whether it is there: it may be this box before a restart."""
        try:
            instance = json.loads(payload).get("instance")
        except (ValueError, AttributeError, RecursionError):
            return None
        if not isinstance(instance, str) or instance == self.instance or len(instance) > MAX_NAME:
            return None
        if instance not in self._named:
            self._named.append(instance)
        self._shares_identity |= self._was_here()
        return self.question()

    def _was_here(self) -> bool:
        """Whether this box had been here before the connection that it has now."""
        return self._held_s() > ANSWER_S

    def _is_settled(self) -> bool:
        return self._connected_at is not None and self._clock() - self._connected_at > SETTLED_S

    def _stays_against(self, other: Presence) -> bool:
        """The longer one stays. Two that come at once have held nothing yet: then the names decide, alike at both."""
        mine = self._held_s()
        return mine > other.held_s if mine != other.held_s else self.instance < other.instance

    def _held_s(self) -> float:
        return 0.0 if self._held_since is None else self._clock() - self._held_since

    def _said(self, *, asks: bool) -> bytes:
        return Presence(instance=self.instance, held_s=self._held_s(), asks=asks).model_dump_json().encode()


def process_instance() -> str:
    """A name for this process that no other running one has, on this machine or another, a copy of its disk included."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    started = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    parts = (boot, platform.node(), os.getpid(), started)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
