"""Reads InfluxDB's line protocol as its documentation describes it, independent of what writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    measurement: str
    tags: dict[str, str]
    fields: dict[str, str | int | float]
    timestamp_ns: int


def read_point(line: str) -> Point:
    """One line without its end."""
    head = _split(line, " ")[0]
    fields, timestamp = _split(line[len(head) + 1 :], " ", quotes=True)
    measurement, *tags = _split(head, ",")
    return Point(
        _unescaped(measurement),
        {_unescaped(key): _unescaped(value) for key, value in (_split(tag, "=") for tag in tags)},
        {_unescaped(key): _value(value) for key, value in (_split(field, "=", quotes=True) for field in _split(fields, ",", quotes=True))},
        int(timestamp),
    )


def _split(text: str, separator: str, *, quotes: bool = False) -> list[str]:
    """At each separator that has no backslash before it and, with `quotes`, is not between double quotes."""
    parts, part, quoted, escaped = list[str](), "", False, False
    for character in text:
        if escaped:
            part, escaped = part + character, False
        elif character == "\\":
            part, escaped = part + character, True
        elif character == '"' and quotes:
            part, quoted = part + character, not quoted
        elif character == separator and not quoted:
            parts.append(part)
            part = ""
        else:
            part += character
    return [*parts, part]


def _unescaped(text: str) -> str:
    """In names and tags a backslash counts only before a comma, an equals sign or a space."""
    for character in ",= ":
        text = text.replace(f"\\{character}", character)
    return text


def _value(text: str) -> str | int | float:
    if text.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    return int(text[:-1]) if text.endswith("i") else float(text)
