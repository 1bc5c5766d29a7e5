"""What the verbs that work on stored inspections take alike."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

from edge.commands.options import add_models_options, settings_from
from edge.spool.history import History
from firmware_config.settings import BoxSettings

PROGRESS_EVERY_S = 0.5

_AGE = re.compile(r"(\d+)([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_Item = TypeVar("_Item")


def add_history_options(command: argparse.ArgumentParser) -> None:
    """Take where the inspections are stored, and the station and bundle that judge their words."""
    where = command.add_mutually_exclusive_group()
    where.add_argument("--spool", type=Path, metavar="FILE", help="default: the environment variable KOTOBA_SPOOL, else the box's own")
    where.add_argument("--jsonl", type=Path, metavar="FILE", help="lines that `kotoba-edge inspect` or the file output wrote")
    command.add_argument("--station", type=Path, required=True, metavar="FILE")
    add_models_options(command)


def add_time_options(command: argparse.ArgumentParser) -> None:
    """Take which of them by when their pictures were captured."""
    command.add_argument(
        "--since", type=moment, metavar="TIME", help="2026-05-04T08:00 (this machine's zone unless one is given), or 8h, 7d"
    )
    command.add_argument("--until", type=moment, metavar="TIME", help="before this time; written alike")


def history_from(options: argparse.Namespace, settings: BoxSettings) -> History:
    """The place that the command line names."""
    if options.jsonl is not None:
        return History(options.jsonl, is_spool=False)
    return History(settings_from(options, settings).spool, is_spool=True)


def moment(text: str) -> datetime:
    """A point in time as argparse takes types: ISO 8601, or how long ago in minutes, hours or days."""
    age = _AGE.fullmatch(text)
    if age:
        return datetime.now(timezone.utc) - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        return datetime.fromisoformat(re.sub("Z$", "+00:00", text)).astimezone(timezone.utc)
    except ValueError as err:
        msg = f"{text!r} is no time such as 2026-05-04T08:00, 2026-05-04T08:00:00Z, 30m, 8h or 7d"
        raise argparse.ArgumentTypeError(msg) from err


def with_progress(items: Iterable[_Item], *, total: int) -> Iterator[_Item]:
    """Say on a terminal how far we are and how fast."""
    started = shown = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if sys.stderr.isatty() and now - shown > PROGRESS_EVERY_S:
            shown = now
            print(f"\r\x1b[K{number} of {total}, {number / (now - started):.1f} a second", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
