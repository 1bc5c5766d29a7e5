"""`kotoba-edge template try`: what an instruction template does to stored words, before it decides anything."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from edge.commands.history_options import add_history_options, add_time_options, history_from, with_progress
from edge.commands.options import positive, settings_from
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

TRIED = 50
"""Some seconds on two cores."""

SHOWN_CHANGES = 20


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verbs = commands.add_parser("template", help="try an instruction template").add_subparsers(required=True, metavar="VERB")
    attempt = verbs.add_parser("try", help="judge stored words with a template: decisions before and after, and which changed")
    attempt.add_argument("template", type=Path, metavar="FILE")
    add_history_options(attempt)
    add_time_options(attempt)
    attempt.add_argument("--limit", type=positive, default=TRIED, metavar="N", help="the first N inspections (default: %(default)s)")
    attempt.add_argument(
        "--labels", type=Path, metavar="CSV", help="source,label: a label of the station, or ok or ng; adds what was missed"
    )
    attempt.set_defaults(command=_try, quiet=True)


def _try(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.records import Decision
    from edge.review.comparison import changes, judge_again, outcomes, summary, table
    from edge.review.rejudge import open_rejudge
    from edge.studies.labelled import read_labels
    from firmware_config.station import read_station

    station = read_station(options.station)
    truth = None if options.labels is None else read_labels(options.labels)
    history = history_from(options, settings)
    found = history.select(station=station.station.name, since=options.since, until=options.until, limit=options.limit)
    judged = [inspection for inspection in found if inspection.verdict.decision is not Decision.FAULT]
    tried = station.judging({"template_file": options.template, "calibration": None})
    rejudge = open_rejudge(tried, settings=settings_from(options, settings))
    started = time.monotonic()
    compared = [judge_again(rejudge, inspection) for inspection in with_progress(judged, total=len(judged))]
    took_s = time.monotonic() - started
    print(table(compared))
    print(summary(compared, faults=len(found) - len(judged), took_s=took_s))
    if truth is not None:
        print(outcomes(compared, truth, station))
    print("\n".join(changes(compared, limit=SHOWN_CHANGES)))
    return DONE
