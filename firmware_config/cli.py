"""The command `kotoba-config`: check, explain, create and apply the configuration files of a device."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from importlib import resources

from pydantic import BaseModel

from firmware_config import wire
from firmware_config.board import Board
from firmware_config.box import Box
from firmware_config.bundle import Manifest
from firmware_config.calibration import Calibration
from firmware_config.commands import apply, box, check, new, render
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import BAD_CONFIG, DONE
from firmware_config.settings import require_known_variables
from firmware_config.station import Station
from firmware_config.verbs import add_verb, exit_codes_of, print_any_name
from firmware_config.version import add_version_option

SCHEMAS: dict[str, type[BaseModel]] = {
    "station": Station,
    "board": Board,
    "box": Box,
    "manifest": Manifest,
    "calibration": Calibration,
}
WIRE = ("message", "asyncapi")
"""What consumers read: made from the types of the daemon, which a workstation need not have, and shipped as files."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    print_any_name()
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        require_known_variables()
        return command(options)
    except ConfigError as err:
        print(f"kotoba-config: {err}", file=sys.stderr)
        return BAD_CONFIG


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    command_line = argparse.ArgumentParser(
        prog="kotoba-config",
        description="Check, explain, create and apply the configuration files of a device.",
        epilog=exit_codes_of("kotoba-config"),
    )
    add_version_option(command_line)
    verbs = command_line.add_subparsers(required=True, metavar="COMMAND")

    check.register(verbs, SCHEMAS)
    schema = add_verb(
        verbs,
        "schema",
        summary="Print the JSON Schema of a kind of file or of a verdict, or the AsyncAPI 3 document of the topics.",
        details="That of a bundle's specification is printed by `kotoba-export schema`.",
        example="kotoba-config schema station",
    )
    schema.add_argument("kind", choices=[*SCHEMAS, *WIRE], help="A kind of file, message: a verdict, or asyncapi: all topics of a box.")
    schema.set_defaults(command=_schema)

    new.register(verbs)
    box.register(verbs)
    render.register(verbs)
    apply.register(verbs)
    return command_line


def _schema(options: argparse.Namespace) -> int:
    if options.kind in WIRE:
        print(resources.files(wire).joinpath(f"{options.kind}.json").read_text(encoding="utf-8"), end="")
    else:
        print(json.dumps(SCHEMAS[options.kind].model_json_schema(), indent=2))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
