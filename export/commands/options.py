"""Shared by the verbs of `kotoba-export`: how a verb is added, common options, progress on stderr."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from export.progress import Report
from firmware_config.verbs import Verbs, add_verb

Commands: TypeAlias = Verbs
"""What verbs are added to."""
Run: TypeAlias = Callable[[argparse.Namespace], int]
"""Runs a verb; returns its exit code."""

STATE = Path(".kotoba")
"""The default folder for bundles, keys and the cache of a workstation."""


def add_command(commands: Commands, name: str, *, summary: str, example: str, run: Run, details: str = "") -> argparse.ArgumentParser:
    """Add a verb, with the option --board that every verb has.

    `summary` is one sentence and also stands in the list of verbs. `example` is a complete command.
    """
    command = add_verb(commands, name, summary=summary, example=example, details=details)
    command.add_argument(
        "--board", default="cpu", metavar="NAME", help="The board profile to make models for and to run on. Default: %(default)s."
    )
    command.set_defaults(command=run)
    return command


def add_keys_option(command: argparse.ArgumentParser) -> None:
    """Add --keys."""
    command.add_argument(
        "--keys", type=Path, default=STATE / "keys", metavar="DIR", help="The folder of trusted public keys (.pub). Default: %(default)s."
    )


def add_private_key_option(command: argparse.ArgumentParser) -> None:
    """Add --key."""
    command.add_argument(
        "--key",
        type=Path,
        default=STATE / "keys" / "builder.key",
        metavar="FILE",
        help="The private key that signs the bundle. It is made on first use. Default: %(default)s.",
    )


def add_cache_option(command: argparse.ArgumentParser) -> None:
    """Add --cache."""
    command.add_argument(
        "--cache",
        type=Path,
        default=STATE / "cache",
        metavar="DIR",
        help="The folder that keeps finished steps, so that nothing is made twice. Default: %(default)s.",
    )


def add_chart_option(command: argparse.ArgumentParser) -> None:
    """Add --explain."""
    command.add_argument(
        "--explain", type=Path, metavar="FILE.png", help="Draw the proof: what each model lost, beside the limits. Default: no picture."
    )


def add_bundle_argument(command: argparse.ArgumentParser) -> None:
    """Add BUNDLE."""
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help="The bundle: its folder or its .kbundle file.")


def add_study_options(command: argparse.ArgumentParser) -> None:
    """Add the bundle and the station that a study is about."""
    command.add_argument("--bundle", type=Path, default=STATE / "starter", metavar="DIR", help="The bundle to study. Default: %(default)s.")
    add_keys_option(command)
    command.add_argument(
        "--station", type=Path, required=True, metavar="FILE", help="The station file with which the pictures were inspected."
    )


class Progress:
    """One line on stderr that is overwritten. If stderr is no terminal, only texts that end with a newline are printed."""

    def __enter__(self) -> Report:
        """Return the function that reports progress."""
        return self._report

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Clear the line."""
        self._report("")

    def _report(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        elif text.endswith("\n"):
            print(text, end="", file=sys.stderr, flush=True)
