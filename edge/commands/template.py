"""`kotoba-edge template try`: what an instruction template makes of stored words, before the station uses it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from edge.commands.history_options import add_history_options, add_time_options, select_judged, with_progress
from edge.commands.options import Commands, add_command, add_group, add_labels_option, positive, settings_from
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

DEFAULT_LIMIT = 50
"""Some seconds on two cores."""

SHOWN_CHANGES = 20


def register(commands: Commands) -> None:
    """Add the verb."""
    attempt = add_command(
        add_group(commands, "template", summary="Try an instruction template."),
        "try",
        summary="Judge stored words with a template: print the decisions before and after, and the verdicts that changed.",
        details=f"Up to {SHOWN_CHANGES} changed verdicts are printed with their words. Nothing is sent and nothing stored changes.",
        example="kotoba-edge template try new.txt --jsonl lines.jsonl --labels labels.csv --station cell.toml",
        run=_try,
    )
    attempt.add_argument("template", type=Path, metavar="FILE", help="The instruction template; docs/judging.md explains its slots.")
    attempt.add_argument(
        "--limit", type=positive, default=DEFAULT_LIMIT, metavar="N", help="Take the first N inspections. Default: %(default)s."
    )
    add_labels_option(attempt)
    add_time_options(attempt)
    add_history_options(attempt)


def _try(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.review.comparison import changes, judge_again, outcomes, summary, table
    from edge.review.rejudge import open_rejudger
    from edge.studies.labelled import read_labels
    from firmware_config.station import read_station

    station = read_station(options.station)
    labels = None if options.labels is None else read_labels(options.labels)
    inspections, faults = select_judged(options, settings, station=station.station.name)
    changed_station = station.with_judge({"template_file": options.template, "calibration": None})
    rejudger = open_rejudger(changed_station, settings=settings_from(options, settings))
    started = time.monotonic()
    compared = [judge_again(rejudger, inspection) for inspection in with_progress(inspections, total=len(inspections))]
    duration_s = time.monotonic() - started
    print(table(compared))
    print(summary(compared, faults=faults, duration_s=duration_s))
    if labels is not None:
        print(outcomes(compared, labels, station))
    print("\n".join(changes(compared, limit=SHOWN_CHANGES)))
    return DONE
