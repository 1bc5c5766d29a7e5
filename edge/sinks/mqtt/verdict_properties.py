"""The MQTT 5 properties of a verdict, packed by us: paho's own packing took a fifth of the time of a backlog."""

from __future__ import annotations

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.message import SCHEMA
from edge.records import Inspection

PAYLOAD_FORMAT, CONTENT_TYPE, USER_PROPERTY = 0x01, 0x03, 0x26
"""MQTT 5, 2.2.2.2."""
_UTF_8 = bytes([PAYLOAD_FORMAT, 1])


class VerdictProperties(Properties):
    """The content type, that it is UTF-8, and what a consumer may want before it reads the JSON, as user properties."""

    def __init__(self, inspection: Inspection) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        user = {
            "schema": SCHEMA,
            "id": inspection.id,
            "epoch": inspection.epoch,
            "seq": str(inspection.seq),
            "decision": inspection.verdict.decision.value,
        }
        pairs = b"".join(bytes([USER_PROPERTY]) + _text(name) + _text(value) for name, value in user.items())
        body = _UTF_8 + bytes([CONTENT_TYPE]) + _text("application/json") + pairs
        object.__setattr__(self, "_packed", _variable(len(body)) + body)

    def pack(self) -> bytes:
        """The bytes of the packet."""
        return bytes(object.__getattribute__(self, "_packed"))


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def _variable(number: int) -> bytes:
    """A variable byte integer: MQTT 5, 1.5.5."""
    raw = bytearray()
    while True:
        number, low = divmod(number, 128)
        raw.append(low | (0x80 if number else 0))
        if not number:
            return bytes(raw)
