"""The topics on which others trigger a station, and switch it off and on."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, Strict, TypeAdapter, ValidationError

from edge.records import TriggerRequest
from edge.sinks.mqtt.connection import Received
from edge.sinks.mqtt.responses import Responses
from edge.sinks.route import Commands
from firmware_config.strict import STRICT

log = logging.getLogger(__name__)

MAX_COMMAND_BYTES = 4_096
MAX_TOPIC_BYTES, MAX_TOPIC_LEVELS, MAX_CORRELATION_BYTES = 512, 100, 256
"""Of a response: mosquitto ends the connection of who publishes on a topic of more than 200 levels."""


def _sayable(value: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        msg = "a control character or half a character is in it, which databases and screens refuse"
        raise ValueError(msg)
    return value


class TriggerMessage(BaseModel):
    """Inspect now."""

    model_config = STRICT
    request_id: Annotated[str, AfterValidator(_sayable)] = Field(
        min_length=1, max_length=128, description="Stands in the answer; the same id again is the same request. No control characters."
    )
    part_id: Annotated[str, AfterValidator(_sayable)] | None = Field(
        default=None, min_length=1, max_length=256, description="The part in front of the camera. No control characters."
    )


class SwitchMessage(BaseModel):
    """Switch the station on or off; `true` or `false` alone says the same."""

    model_config = STRICT
    enabled: Annotated[bool, Strict()]


SWITCH: TypeAdapter[bool | SwitchMessage] = TypeAdapter(Annotated[bool, Strict()] | SwitchMessage)


class CommandTopics:
    """Reads the messages on `<root>/<station>/trigger`, of the stations that are `triggered`, and `<root>/<station>/enabled/set`.

    What is refused is said once in the log. `as_published`: it is known of each message on the second topic whether it was published as
    retained, also while we listen.
    """

    def __init__(
        self, *, root: str, stations: Sequence[str], triggered: Sequence[str], responses: Responses, as_published: bool = True
    ) -> None:
        self._root = root
        self._triggers: dict[str, str] = {}
        self._switches: dict[str, str] = {}
        self._responses = responses
        self._commands: Commands | None = None
        self._refusing: set[str] = set()
        self._as_published = as_published
        self._retained: dict[str, bytes] = {}
        """What the broker keeps for the next connection, as far as we heard."""
        self._unheard: set[str] = set()
        """The switches whose retained message this connection has not brought yet."""
        self.serve(stations, triggered)

    def serve(self, stations: Sequence[str], triggered: Sequence[str]) -> None:
        """Read the messages for these stations from now on."""
        before = set(self._switches)
        self._triggers = {f"{self._root}/{station}/trigger": station for station in triggered}
        self._switches = {f"{self._root}/{station}/enabled/set": station for station in stations}
        self._unheard |= self._switches.keys() - before

    @property
    def topics(self) -> tuple[str, ...]:
        """Where to listen."""
        return (*self._triggers, *self._switches)

    @property
    def switches(self) -> tuple[str, ...]:
        """The topics of which a retained message holds until another one comes."""
        return tuple(self._switches)

    def listen_anew(self) -> None:
        """Say that a new connection begins, which brings the retained messages again."""
        self._unheard = set(self._switches)

    def obey(self, commands: Commands) -> None:
        """Say what takes the commands."""
        self._commands = commands

    def take(self, received: Received) -> None:
        """Take a message, in the thread that received it."""
        if self._commands is None:
            self._refuse(received, "the box is starting: try again")
        elif len(received.payload) > MAX_COMMAND_BYTES:
            self._refuse(received, f"a message of {len(received.payload)} bytes on {received.topic}: send {MAX_COMMAND_BYTES} at most")
        elif (triggered := self._triggers.get(received.topic)) is not None:
            self._trigger(received, self._commands, triggered)
        elif (switched := self._switches.get(received.topic)) is not None:
            self._switch(received, self._commands, switched)

    def _trigger(self, received: Received, commands: Commands, station: str) -> None:
        if received.retained:
            self._refuse(received, f"a retained message on {received.topic}, from an unknown time: publish triggers without retain")
            return
        try:
            message = TriggerMessage.model_validate_json(received.payload)
        except ValidationError as err:
            self._refuse(received, f"{_mistake(err, received)}: send request_id (1 to 128 characters) and part_id, if known, as JSON")
            return
        where = response_topic(received)
        # Before the answer can be there.
        is_new = where is not None and self._responses.expect(station, message.request_id, where, received.correlation)
        became = commands.ask(TriggerRequest(station, message.request_id, message.part_id, received.arrived_ns))
        if became == "taken":
            self._refusing.discard(received.topic)
            return
        if is_new:
            self._responses.forget(station, message.request_id)
        if became == "repeated":
            self._say_once(received, f"request_id {message.request_id!r} again within ten minutes: it is not inspected again")
        elif became == "full":
            self._refuse(received, "more triggers came than can be answered, or the box is stopping: trigger more slowly")
        else:
            self._refuse(received, f'station {station} has no [trigger] kind = "mqtt": set it, or do not trigger it')

    def _switch(self, received: Received, commands: Commands, station: str) -> None:
        is_known = self._is_known(received)
        if is_known or not received.payload:  # without content: so a retained message is taken away
            return
        try:
            said = SWITCH.validate_json(received.payload)
        except ValidationError as err:
            self._refuse(received, f'{_mistake(err, received)}: send true or false, or {{"enabled": false}}')
            return
        self._refusing.discard(received.topic)
        commands.switch(station, said if isinstance(said, bool) else said.enabled)

    def _is_known(self, received: Received) -> bool:
        """Whether it is the retained message of before, which each new connection brings again: it must not undo what was said since.

        Where we are not told which messages the broker keeps, the last one is taken for kept: who publishes always retained is obeyed.
        """
        is_of_the_broker = received.retained and received.topic in self._unheard
        is_known = is_of_the_broker and self._retained.get(received.topic) == received.payload
        if received.retained:
            self._unheard.discard(received.topic)
        if received.retained or not self._as_published:
            self._retained[received.topic] = received.payload
        return is_known

    def _refuse(self, received: Received, sentence: str) -> None:
        self._say_once(received, sentence)
        where = response_topic(received)
        if where is not None:
            self._responses.refuse(where, received.correlation, sentence)

    def _say_once(self, received: Received, sentence: str) -> None:
        """Say it in the log, once until a message on this topic is taken."""
        if received.topic not in self._refusing:
            self._refusing.add(received.topic)
            log.warning("refused topic=%s: %s", received.topic, sentence)


def response_topic(received: Received) -> str | None:
    """The topic on which a message wants its answer, None if it names none that can be published on."""
    topic = received.response_topic
    if not topic or set("+#\0") & set(topic) or topic.count("/") >= MAX_TOPIC_LEVELS:
        return None
    return topic if len(topic.encode()) <= MAX_TOPIC_BYTES and len(received.correlation or b"") <= MAX_CORRELATION_BYTES else None


def _mistake(err: ValidationError, received: Received) -> str:
    first = err.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"a message on {received.topic}: {where + ': ' if where else ''}{first['msg']}"
