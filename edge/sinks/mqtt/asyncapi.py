"""The topics of a box as an AsyncAPI 3 document, made from the types; `kotoba-config schema asyncapi` prints what is shipped of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from edge.message import SCHEMA, Message
from edge.sinks.mqtt.command_topics import SwitchMessage, TriggerMessage
from edge.sinks.mqtt.replay_topic import Replay
from edge.sinks.mqtt.station_state import State
from edge.sinks.mqtt.wire import BundleEventMessage, DriftEventMessage, Enabled, Info, Presence, ReplayEvent, Status


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: which way it goes as seen by the box, and what is on it."""

    name: str
    address: str
    way: Literal["send", "receive"]
    payload: type[BaseModel]
    summary: str
    retained: bool = False
    others: tuple[tuple[str, type[BaseModel]], ...] = ()
    """What else may be on it, each with a name of its own."""

    @property
    def messages(self) -> dict[str, type[BaseModel]]:
        """Everything that may be on it, by its name."""
        return {self.name: self.payload, **dict(self.others)}


TOPICS = (
    Topic("verdict", "{root}/{station}/verdict", "send", Message, "One inspection; at least once, and in order but for a backlog."),
    Topic("state", "{root}/{station}/state", "send", State, "The camera, the counts and the last verdict of a station.", retained=True),
    Topic("trigger", "{root}/{station}/trigger", "receive", TriggerMessage, "Inspect now; answered on verdict, and on the response topic."),
    Topic("enabled_set", "{root}/{station}/enabled/set", "receive", SwitchMessage, "Switches a station on or off.", retained=True),
    Topic("enabled_state", "{root}/{station}/enabled/state", "send", Enabled, "Whether a station inspects.", retained=True),
    Topic("status", "{root}/{box}/status", "send", Status, "How the box is; also its last will.", retained=True),
    Topic("info", "{root}/{box}/info", "send", Info, "Versions, bundle, and the stations of the box.", retained=True),
    Topic(
        "events",
        "{root}/{box}/events",
        "send",
        ReplayEvent,
        "Answers to requests for verdicts again, what happens to bundles, and which words have changed.",
        others=(("bundle_event", BundleEventMessage), ("drift_event", DriftEventMessage)),
    ),
    Topic("presence", "{root}/{box}/presence", "send", Presence, "Between boxes of one name by mistake: the longer one there stays."),
    Topic("replay", "{root}/{box}/replay", "receive", Replay, "Asks for verdicts again, by station, epoch and sequence numbers."),
)
PARAMETERS = {
    "root": "The site path of the station file, as in ISA-95: enterprise/site/area/line/cell.",
    "station": "The name of the station.",
    "box": "The name of the box.",
}


def asyncapi() -> dict[str, Any]:
    """The document, as JSON can say it."""
    schemas: dict[str, Any] = {}
    for topic in TOPICS:
        mode: Literal["validation", "serialization"] = "serialization" if topic.way == "send" else "validation"
        for payload in topic.messages.values():
            schema = payload.model_json_schema(by_alias=True, mode=mode, ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {})
            schemas[payload.__name__] = schema
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Kotoba Edge over MQTT",
            "version": SCHEMA.rpartition("/")[2],
            "description": "MQTT 5 or 3.1.1, QoS 1. What is promised, and how to consume it, is in docs/message.md.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {f"{topic.way}_{topic.name}": _operation(topic) for topic in TOPICS},
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    names = [name for name in PARAMETERS if f"{{{name}}}" in topic.address]
    return {
        "address": topic.address,
        "summary": topic.summary,
        "parameters": {name: {"description": PARAMETERS[name]} for name in names},
        "messages": {name: {"payload": {"$ref": f"#/components/schemas/{payload.__name__}"}} for name, payload in topic.messages.items()},
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": topic.way,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": topic.summary,
        "bindings": {"mqtt": {"qos": 1, "retain": topic.retained}},
    }
