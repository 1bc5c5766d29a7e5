"""What the verbs that work on stored inspections share: where they are stored, which of them, and a line of progress."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

from edge.commands.options import add_models_options, add_spool_option, add_station_option, settings_from
from edge.records import Decision, Inspection
from edge.spool.history import History
from firmware_config.settings import BoxSettings

ID_HELP = "The id of the inspection, its beginning or its end where no other id has the same one, or STATION:SEQ."
PROGRESS_EVERY_S = 0.5

_AGE = re.compile(r"(\d+)([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_Item = TypeVar("_Item")


def add_history_options(command: argparse.ArgumentParser) -> None:
    """Add the options for where the inspections are stored, and for the station and bundle that judge their words."""
    where = command.add_mutually_exclusive_group()
    add_spool_option(where)
    where.add_argument(
        "--jsonl", type=Path, metavar="FILE", help="Read the lines that `kotoba-edge inspect` or the file output wrote, instead of a spool."
    )
    add_station_option(command)
    add_models_options(command)


def add_time_options(command: argparse.ArgumentParser) -> None:
    """Add the options that select inspections by the time of capture."""
    command.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="Take pictures captured at or after this time: 2026-05-04T08:00 (this machine's time zone, or Z, or +09:00), or an age as "
        "30m, 8h, 7d. Default: the first.",
    )
    command.add_argument(
        "--until", type=moment, metavar="TIME", help="Take pictures captured before this time, in the same form. Default: the last."
    )


def history_from(options: argparse.Namespace, settings: BoxSettings) -> History:
    """The spool or the file of lines that the command line names."""
    if options.jsonl is not None:
        return History(options.jsonl, is_spool=False)
    return History(settings_from(options, settings).spool, is_spool=True)


def select_judged(options: argparse.Namespace, settings: BoxSettings, *, station: str) -> tuple[list[Inspection], int]:
    """The station's inspections that the command line selects, without the FAULTs, and how many FAULTs were left out.

    Raises:
        HistoryError, SpoolError: there is none, or the file cannot be read.
    """
    history = history_from(options, settings)
    inspections = history.select(station=station, since=options.since, until=options.until, limit=options.limit)
    judged = [inspection for inspection in inspections if inspection.verdict.decision is not Decision.FAULT]
    return judged, len(inspections) - len(judged)


def moment(text: str) -> datetime:
    """Convert an argument to a time in UTC: ISO 8601, or an age in minutes, hours or days.

    Raises:
        argparse.ArgumentTypeError: the text is neither.
    """
    age = _AGE.fullmatch(text)
    if age:
        return datetime.now(timezone.utc) - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        return datetime.fromisoformat(re.sub("Z$", "+00:00", text)).astimezone(timezone.utc)
    except ValueError as err:
        msg = f"{text!r} is not a time such as 2026-05-04T08:00, 2026-05-04T08:00:00Z, 30m, 8h or 7d"
        raise argparse.ArgumentTypeError(msg) from err


def with_progress(items: Iterable[_Item], *, total: int) -> Iterator[_Item]:
    """Yield the items; on a terminal, show how many of `total` are done and how fast."""
    started = shown = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if sys.stderr.isatty() and now - shown > PROGRESS_EVERY_S:
            shown = now
            print(f"\r\x1b[K{number} of {total}, {number / (now - started):.1f} a second", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
