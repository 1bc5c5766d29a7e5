"""`kotoba-edge reproduce`: judge stored words again and compare every number bit for bit."""

from __future__ import annotations

import argparse
import sys
import time

from edge.commands.history_options import ID_HELP, add_history_options, add_time_options, history_from, select_judged, with_progress
from edge.commands.options import Commands, add_command, positive, settings_from
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.settings import BoxSettings


def register(commands: Commands) -> None:
    """Add the verb."""
    reproduce = add_command(
        commands,
        "reproduce",
        summary="Judge stored words again: every number and the verdict must be equal to the last bit.",
        details="The exit code is 1 when one differs. The models and the station's settings must be those of the verdicts.",
        example="kotoba-edge reproduce --all --limit 1000 --spool /var/lib/kotoba/spool.sqlite --station cell.toml",
        run=_reproduce,
    )
    reproduce.add_argument(
        "ids",
        nargs="*",
        metavar="ID",
        help=ID_HELP,
    )
    reproduce.add_argument("--all", action="store_true", help="Take every inspection of the station except FAULTs, instead of ids.")
    reproduce.add_argument("--limit", type=positive, metavar="N", help="With --all: take the first N inspections. Default: all.")
    add_time_options(reproduce)
    add_history_options(reproduce)


def _reproduce(options: argparse.Namespace, settings: BoxSettings) -> int:
    if bool(options.ids) == options.all:
        options.wrong_usage("give either IDs or --all")
    from edge.review.rejudge import open_rejudger
    from edge.review.reproduce import reproduce
    from firmware_config.station import read_station

    station = read_station(options.station)
    if options.all:
        inspections, faults = select_judged(options, settings, station=station.station.name)
    else:
        inspections, faults = list(history_from(options, settings).find(options.ids)), 0
    rejudger = open_rejudger(station, settings=settings_from(options, settings))
    started = time.monotonic()
    differences = [reproduce(rejudger, inspection) for inspection in with_progress(inspections, total=len(inspections))]
    equal, duration_s = differences.count(None), time.monotonic() - started
    left_out = f", {faults} FAULTs left out" if faults else ""
    print(f"{len(inspections):,} stored verdicts judged again in {duration_s:.1f} s: {equal:,} equal{left_out}")
    first = next(filter(None, differences), None)
    if first is not None:
        print(f"kotoba-edge: {first}", file=sys.stderr)
    return DONE if first is None else FAILED
