"""`kotoba-edge reproduce`: repeat stored judgements bit for bit."""

from __future__ import annotations

import argparse
import sys
import time

from edge.commands.history_options import add_history_options, add_time_options, history_from, with_progress
from edge.commands.options import positive, settings_from
from edge.records import Decision
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.settings import BoxSettings


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    replay = commands.add_parser("reproduce", help="judge stored words again: every number and the verdict must be equal; exit 1 when not")
    replay.add_argument("ids", nargs="*", metavar="ID", help="the beginning of an id is enough")
    replay.add_argument("--all", action="store_true", help="every inspection of the station")
    replay.add_argument("--limit", type=positive, metavar="N", help="with --all: the first N")
    add_history_options(replay)
    add_time_options(replay)
    replay.set_defaults(command=_replay, quiet=True, wrong_usage=replay.error)


def _replay(options: argparse.Namespace, settings: BoxSettings) -> int:
    if bool(options.ids) == options.all:
        options.wrong_usage("give either IDs or --all")
    from edge.review.rejudge import open_rejudge
    from edge.review.reproduce import replay
    from firmware_config.station import read_station

    settings, stored = settings_from(options, settings), history_from(options, settings)
    station = read_station(options.station)
    if options.all:
        found = stored.select(station=station.station.name, since=options.since, until=options.until, limit=options.limit)
        inspections = [inspection for inspection in found if inspection.verdict.decision is not Decision.FAULT]
    else:
        found = stored.find(options.ids)
        inspections = list(found)
    rejudge = open_rejudge(station, settings=settings)
    started = time.monotonic()
    differences = [replay(rejudge, inspection) for inspection in with_progress(inspections, total=len(inspections))]
    equal, took_s = differences.count(None), time.monotonic() - started
    faults = len(found) - len(inspections)
    without_words = f", {faults} FAULTs of the box were left out" if faults else ""
    print(f"{len(inspections):,} stored verdicts judged again in {took_s:.1f} s: {equal:,} equal{without_words}")
    first = next(filter(None, differences), None)
    if first is not None:
        print(f"kotoba-edge: {first}", file=sys.stderr)
    return DONE if first is None else FAILED
