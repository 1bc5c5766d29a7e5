"""Writes the golden schemas and messages and docs/settings.md again, after an intended change: `python -m tests.support.golden`.

Look at the difference.
"""

from __future__ import annotations

import json

from edge.message import encode, schema
from edge.sinks.mqtt.asyncapi import asyncapi
from edge.sinks.mqtt.station_state import state_schema
from firmware_config.cli import SCHEMAS
from tests.support.golden_boxes import write_golden_boxes
from tests.support.inspections import FULL, LOST
from tests.support.repository import GOLDEN, WIRE
from tests.support.settings_page import write as write_settings_page


def main() -> None:
    """Write every file that the code can make."""
    for kind, model in SCHEMAS.items():
        (GOLDEN / f"{kind}.schema.json").write_text(json.dumps(model.model_json_schema(), indent=2) + "\n")
    (GOLDEN / "state.schema.json").write_text(json.dumps(state_schema(), indent=2) + "\n")
    for kind, content in {"message": schema(), "asyncapi": asyncapi()}.items():
        (WIRE / f"{kind}.json").write_text(json.dumps(content, indent=2) + "\n")
    (GOLDEN / "inspection.json").write_bytes(b"".join(encode(inspection) + b"\n" for inspection in (FULL, LOST)))
    write_golden_boxes()
    write_settings_page()


if __name__ == "__main__":
    main()
