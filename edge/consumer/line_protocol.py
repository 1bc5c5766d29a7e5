"""A verdict as one line of InfluxDB's line protocol.

Escapes as in https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/; a line end would end the point for everything that
reads a file by lines, so it is written as a backslash and an n.
"""

from __future__ import annotations

import re
import zlib
from datetime import datetime, timezone

from edge.consumer.messages import VerdictMessage

MEASUREMENT = "kotoba_verdict"
NS_PER_MS = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
LINE_ENDS = {"\n": "\\n", "\r": "\\r"}


def line(verdict: VerdictMessage) -> str:
    """The line, without its end. The same verdict gives the same line, replayed or not: written twice it is one point."""
    tags = {"station": verdict.station, "decision": verdict.decision, "label": verdict.label}
    fields = {
        "id": string(verdict.id),
        "epoch": string(verdict.epoch),
        "seq": f"{verdict.seq}i",
        "confidence": None if verdict.confidence is None else repr(verdict.confidence),
        "reasons": string(",".join(verdict.reasons)),
        "part_id": None if verdict.part_id is None else string(verdict.part_id),
    }
    written = [MEASUREMENT, *(f"{key}={tag(value)}" for key, value in tags.items() if value is not None and tag(value))]
    return f"{','.join(written)} {','.join(f'{key}={value}' for key, value in fields.items() if value is not None)} {timestamp_ns(verdict)}"


def tag(value: str) -> str:
    """The value of a tag. A backslash at the end would take the comma or space behind it along, and cannot be written."""
    return re.sub(r"([,= ])", r"\\\1", _one_line(value).rstrip("\\"))


def string(value: str) -> str:
    """The value of a field that is a text, in quotes."""
    return '"' + _one_line(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def timestamp_ns(verdict: VerdictMessage) -> int:
    """Nanoseconds since 1970: the time of the picture in whole milliseconds, and below them what its epoch and number give.

    So two verdicts of one millisecond, which would be one point with the same tags, stay two.
    """
    since = verdict.captured_at - EPOCH
    whole_ms = since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000
    return whole_ms * NS_PER_MS + (zlib.crc32(verdict.epoch.encode()) + verdict.seq) % NS_PER_MS


def _one_line(text: str) -> str:
    return "".join(LINE_ENDS.get(character, character) for character in text)
