"""How verbs are added to the command line, and the options that several of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from firmware_config.settings import BoxSettings
from firmware_config.verbs import Verbs, add_verb

STATE = Path(".kotoba")
"""Where `make demo` keeps the starter bundle, its keys and what the demo writes."""

Commands: TypeAlias = Verbs
"""What verbs are added to."""

Run: TypeAlias = Callable[[argparse.Namespace, BoxSettings], int]
"""A verb: takes the options and the box's settings, gives an exit code."""


def add_command(
    commands: Commands, name: str, *, summary: str, example: str, run: Run, details: str = "", quiet: bool = True
) -> argparse.ArgumentParser:
    """Add a verb.

    `summary` is one sentence and also stands in the list of verbs. `example` is a complete command. A `quiet` verb logs no INFO.
    """
    command = add_verb(commands, name, summary=summary, example=example, details=details)
    command.set_defaults(command=run, quiet=quiet, wrong_usage=command.error)
    return command


def add_group(commands: Commands, name: str, *, summary: str) -> Commands:
    """Add a word that is followed by a verb, as `bundle` in `kotoba-edge bundle verify`."""
    return commands.add_parser(name, help=summary, description=summary).add_subparsers(required=True, metavar="VERB")


def add_models_options(command: argparse.ArgumentParser) -> None:
    """Add `--bundle`, `--keys` and `--board`."""
    add_bundle_options(command)
    command.add_argument("--board", metavar="NAME", help=f"The board profile that the models run on, or a board file. {_default('board')}")


def add_bundle_options(command: argparse.ArgumentParser) -> None:
    """Add `--bundle` and `--keys`."""
    fallback = BoxSettings.model_fields["bundle"].default
    text = f"The folder of the bundle. Default: the environment variable KOTOBA_BUNDLE, else the bundle slot that runs, else {fallback}."
    command.add_argument("--bundle", type=Path, metavar="DIR", help=text)
    add_keys_option(command)


def add_keys_option(command: argparse.ArgumentParser) -> None:
    """Add `--keys`."""
    command.add_argument("--keys", type=Path, metavar="DIR", help=f"The folder of trusted public keys (*.pub). {_default('keys')}")


def add_stations_option(command: argparse.ArgumentParser) -> None:
    """Add `--stations`, the folder of all stations."""
    command.add_argument("--stations", type=Path, metavar="DIR", help=f"The folder of the station files (*.toml). {_default('stations')}")


def add_station_option(command: argparse.ArgumentParser) -> None:
    """Add `--station`, the file of one station."""
    command.add_argument("--station", type=Path, required=True, metavar="FILE", help="The station file (TOML).")


def add_spool_option(command: argparse._ActionsContainer) -> None:
    """Add `--spool`."""
    command.add_argument("--spool", type=Path, metavar="FILE", help=f"The spool, the file of the box's verdicts. {_default('spool')}")


def add_slots_option(command: argparse.ArgumentParser) -> None:
    """Add `--bundles`, the folder of the bundle slots."""
    command.add_argument("--bundles", type=Path, metavar="DIR", help=f"The folder of the two bundle slots. {_default('bundles')}")


def add_labels_option(command: argparse._ActionsContainer) -> None:
    """Add `--labels`, the table of the right labels, to a command or a group of its options."""
    text = "A CSV table of the right labels with the columns source,label. A label is a label of the station, or ok, ng or review."
    command.add_argument("--labels", type=Path, metavar="CSV", help=text)


def add_log_format_option(command: argparse.ArgumentParser) -> None:
    """Add `--log-format`."""
    text = f"How the log is written to stderr: lines of text, or one JSON object a line. {_default('log_format')}"
    command.add_argument("--log-format", choices=("text", "json"), help=text)


def settings_from(options: argparse.Namespace, settings: BoxSettings) -> BoxSettings:
    """The settings of the environment, replaced by those that the command line gives."""
    given = {key: value for key, value in vars(options).items() if key in BoxSettings.model_fields and value is not None}
    return settings.model_copy(update=given)


def positive(text: str) -> int:
    """Convert an argument to a number of at least 1.

    Raises:
        argparse.ArgumentTypeError: the number is less than 1.
        ValueError: the text is not a whole number.
    """
    number = int(text)
    if number < 1:
        msg = f"{number} is less than 1"
        raise argparse.ArgumentTypeError(msg)
    return number


def _default(setting: str) -> str:
    return f"Default: the environment variable KOTOBA_{setting.upper()}, else {BoxSettings.model_fields[setting].default}."
