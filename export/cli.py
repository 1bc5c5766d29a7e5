"""The command `kotoba-export`: reads the command line, runs the verb, turns errors into one sentence and an exit code."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from edge.environment import ENVIRONMENT as ENVIRONMENT  # noqa: PLC0414 -- before the first import of a library that reads it
from edge.errors import EdgeError
from export.commands import (
    agreement,
    build,
    cost,
    describe,
    linear,
    models,
    pilot,
    product,
    report,
    specification,
    studies,
    teach,
    tune,
    verify,
    vocabulary,
)
from export.errors import ExportError, SpecError
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import BAD_CONFIG, FAILED
from firmware_config.settings import require_known_variables
from firmware_config.verbs import exit_codes_of, print_any_name
from firmware_config.version import add_version_option

VERBS = (specification, product, teach, build, verify, models, linear, vocabulary, describe, tune, pilot, report, studies, agreement, cost)
"""In the order in which `kotoba-export --help` lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (firmware_config/exit_codes.py)."""
    print_any_name()
    options = parser().parse_args(arguments)
    # Set before onnxruntime's quantizer is imported, which would otherwise make every library log at INFO.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    run: Callable[[argparse.Namespace], int] = options.command
    try:
        require_known_variables()
        return run(options)
    except (SpecError, ConfigError) as err:
        print(f"kotoba-export: {err}", file=sys.stderr)
        return BAD_CONFIG
    except (ExportError, EdgeError) as err:
        print(f"kotoba-export: {err}", file=sys.stderr)
        return FAILED


def parser() -> argparse.ArgumentParser:
    """The command line of `kotoba-export`."""
    command_line = argparse.ArgumentParser(
        prog="kotoba-export",
        description="Export models for inspection boxes, prove them, and build signed bundles.",
        epilog=exit_codes_of("kotoba-export"),
    )
    add_version_option(command_line)
    commands = command_line.add_subparsers(required=True, metavar="COMMAND")
    for verb in VERBS:
        verb.register(commands)
    return command_line


if __name__ == "__main__":
    sys.exit(main())
