"""The log on stderr: lines of text for people, or one JSON object a line for a collector.

Every line of the log is fixed words plus key=value (`"camera ended station=%s"`), so the keys of a line's format are its fields.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timezone

TEXT = "%(levelname)s %(name)s %(message)s"

PLACEHOLDER = re.compile(r"(?:\b(?P<key>\w+)=)?%(?:%|[-#0 +]*\d*(?:\.\d+)?(?P<kind>[a-zA-Z]))")
"""printf-style, as the module `logging` has it, with the word before an equals sign."""


def write_log(*, is_json: bool, level: int) -> None:
    """Write the log of this process to stderr from now on, from `level` of the module `logging` upward."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if is_json else logging.Formatter(TEXT))
    logging.basicConfig(level=level, handlers=[handler])


class JsonLines(logging.Formatter):
    """One object a line: at (UTC), level, logger, message, station (null where none or several are meant), fields; error with a trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Say a record as one line."""
        fields = dict(_fields(record))
        told: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "station": fields.get("station"),
            "fields": fields,
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    values = iter(record.args if isinstance(record.args, tuple) else ())
    for found in PLACEHOLDER.finditer(str(record.msg)):
        if found["kind"] is None:  # a percent sign
            continue
        value = next(values, None)
        if found["key"] == "stations" and isinstance(value, str):
            yield "stations", value.split(",")
        elif found["key"] is not None:
            yield found["key"], value if value is None or isinstance(value, str | int | float | bool) else str(value)
