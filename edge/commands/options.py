"""What several verbs take alike, and the exit codes of all."""

from __future__ import annotations

import argparse
from pathlib import Path

from firmware_config.settings import BoxSettings

_SETTINGS = "default: the environment variable KOTOBA_{}, else {}"


def add_models_options(command: argparse.ArgumentParser) -> None:
    """Take the options that say which bundle runs, who may have signed it, and on what board."""
    add_bundle_options(command)
    command.add_argument("--board", metavar="NAME", help=_SETTINGS.format("BOARD", "cpu"))


def add_bundle_options(command: argparse.ArgumentParser) -> None:
    """Take the options that say which bundle it is about, and who may have signed it."""
    command.add_argument("--bundle", type=Path, metavar="DIR", help=_SETTINGS.format("BUNDLE", "/var/lib/kotoba/bundle"))
    command.add_argument("--keys", type=Path, metavar="DIR", help=_SETTINGS.format("KEYS", "/etc/kotoba/keys"))


def add_stations_option(command: argparse.ArgumentParser) -> None:
    """Take the folder of station files."""
    command.add_argument("--stations", type=Path, metavar="DIR", help=_SETTINGS.format("STATIONS", "/etc/kotoba/stations"))


def add_spool_option(command: argparse.ArgumentParser) -> None:
    """Take the spool."""
    command.add_argument("--spool", type=Path, metavar="FILE", help=_SETTINGS.format("SPOOL", "/var/lib/kotoba/spool.sqlite"))


def settings_from(options: argparse.Namespace, settings: BoxSettings) -> BoxSettings:
    """The settings of the environment with what the command line says."""
    said = {key: value for key, value in vars(options).items() if key in BoxSettings.model_fields and value is not None}
    return settings.model_copy(update=said)


def positive(text: str) -> int:
    """A number of at least 1, as argparse takes types."""
    number = int(text)
    if number < 1:
        msg = f"{number} is less than 1"
        raise argparse.ArgumentTypeError(msg)
    return number
