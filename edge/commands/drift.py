"""`kotoba-edge drift`: which words are said more or less often than in the reference."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge.commands.options import Commands, add_command, add_spool_option, add_stations_option, settings_from
from edge.drift.windows import Window
from edge.errors import HistoryError
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings
from firmware_config.station import Station

WEEK = timedelta(days=7)


def register(commands: Commands) -> None:
    """Add the verb."""
    command = add_command(
        commands,
        "drift",
        summary="Say which words of a station are said more or less often than in its first shifts.",
        details="Nothing is written. The counts are those that the daemon keeps beside the spool; where it has none of a station, "
        "the stored inspections are counted.",
        example="kotoba-edge drift --station cell-01 --week",
        run=_run,
    )
    command.add_argument("--station", metavar="NAME", help="The name of a station. Default: all stations.")
    command.add_argument("--week", action="store_true", help="Only what the last 7 days have shown. Default: all that was counted.")
    command.add_argument("--json", action="store_true", help="Print one JSON object for each change instead of sentences.")
    add_stations_option(command)
    where = command.add_mutually_exclusive_group()
    add_spool_option(where)
    where.add_argument(
        "--jsonl", type=Path, metavar="FILE", help="Count the lines that `kotoba-edge inspect` or the file output wrote, and nothing else."
    )


def _run(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.daemon.parts import read_stations

    settings = settings_from(options, settings)
    stations = [each for each in read_stations(settings.stations) if options.station in {None, each.station.name}]
    if not stations:
        msg = f"{settings.stations} holds no station {options.station}: correct the name"
        raise HistoryError(msg)
    shown = [_shown(each, options, settings) for each in stations]
    for number, text in enumerate(shown):
        if not options.json and number:
            print()
        if text:
            print(text)
    return DONE


def _shown(station: Station, options: argparse.Namespace, settings: BoxSettings) -> str:
    from edge.drift.report import report, report_lines

    windows = list(_windows(station, options, settings))
    since = windows[-1].end - WEEK if options.week and windows else None
    if options.json:
        return "\n".join(json.dumps(line, ensure_ascii=False) for line in report_lines(station, windows, since=since))
    return report(station, windows, since=since)


def _windows(station: Station, options: argparse.Namespace, settings: BoxSettings) -> Sequence[Window]:
    from edge.drift.state_file import FILE_NAME, read_counted

    if options.jsonl is None:
        counted = read_counted(settings.spool.with_name(FILE_NAME)).get(station.station.name)
        if counted is not None and counted.windows:
            return counted.windows
    return list(_of_history(station, options, settings))


def _of_history(station: Station, options: argparse.Namespace, settings: BoxSettings) -> Iterator[Window]:
    """Count the stored inspections of a station."""
    from edge.drift.windows import Counting
    from edge.drift.words import words_of
    from edge.records import Decision
    from edge.spool.history import History

    history = History(settings.spool, is_spool=True) if options.jsonl is None else History(options.jsonl, is_spool=False)
    counting, terms = Counting(station.drift), tuple(term.name for term in station.describe.terms)
    for inspection in history.decided(tuple(Decision), station=station.station.name):
        words = words_of(inspection, terms=terms)
        if words is None:
            continue
        over = counting.add(inspection.captured_at, words, f"{inspection.models_digest} {inspection.settings_digest}")
        if over is not None:
            yield over
    if (over := counting.look(datetime.now(timezone.utc))) is not None:
        yield over
