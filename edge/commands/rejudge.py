"""`kotoba-edge rejudge`: judge stored words with another template, adapter, linear judge or method, and compare the decisions."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edge.commands.history_options import add_history_options, add_time_options, select_judged, with_progress
from edge.commands.options import Commands, add_command, positive, settings_from
from edge.errors import HistoryError
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

JUDGE_KEYS = {"template": "template_file", "adapter": "adapter", "method": "method", "linear": "linear"}
"""Each option that replaces a key of the station's [judge] section, and that key."""


def register(commands: Commands) -> None:
    """Add the verb."""
    rejudge = add_command(
        commands,
        "rejudge",
        summary="Judge stored words with another template, adapter, linear judge or method, and print how many decisions change.",
        details="Nothing is sent and nothing stored changes. What the options leave open is as in the station file.",
        example="kotoba-edge rejudge --template new.txt --since 8h --station cell.toml --out new.jsonl",
        run=_rejudge,
    )
    rejudge.add_argument("--template", type=Path, metavar="FILE", help="The instruction template to judge with.")
    rejudge.add_argument("--adapter", metavar="NAME", help="The adapter (LoRA) of the bundle to judge with.")
    rejudge.add_argument(
        "--method",
        choices=("rank", "contextual", "generate", "linear"),
        help="How to judge. rank compares the likelihoods of the labels, contextual subtracts what they are without content, generate lets "
        "the model write a label, linear sums fixed weights of the words.",
    )
    rejudge.add_argument("--linear", metavar="NAME", help="The linear judge of the bundle, for --method linear.")
    rejudge.add_argument("--out", type=Path, metavar="JSONL", help="Write the new verdicts to this file, one JSON line each.")
    rejudge.add_argument("--limit", type=positive, metavar="N", help="Take the first N inspections. Default: all.")
    add_time_options(rejudge)
    add_history_options(rejudge)


def _rejudge(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.message import encode
    from edge.review.comparison import judge_again, summary, table
    from edge.review.rejudge import open_rejudger
    from firmware_config.station import read_station

    if options.out is not None and options.jsonl is not None and options.out.resolve() == options.jsonl.resolve():
        msg = f"writing verdicts to {options.out}: this file holds the lines to be judged: give another path"
        raise HistoryError(msg)
    station = read_station(options.station)
    inspections, faults = select_judged(options, settings, station=station.station.name)
    changes = {key: getattr(options, option) for option, key in JUDGE_KEYS.items() if getattr(options, option) is not None}
    if changes:
        changes["calibration"] = None  # it was fitted for the station's own judge
    rejudger = open_rejudger(station.with_judge(changes), settings=settings_from(options, settings))
    compared = []
    with _open_lines(options.out) as out:
        started = time.monotonic()
        for inspection in with_progress(inspections, total=len(inspections)):
            compared.append(judge_again(rejudger, inspection))
            if out is not None:
                out.write(encode(compared[-1].as_inspection(rejudger)) + b"\n")
        duration_s = time.monotonic() - started
    print(table(compared))
    print(summary(compared, faults=faults, duration_s=duration_s))
    return DONE


@contextlib.contextmanager
def _open_lines(path: Path | None) -> Iterator[BinaryIO | None]:
    """The file to write, None where none is asked for.

    Raises:
        HistoryError: the file cannot be opened or written.
    """
    if path is None:
        yield None
        return
    try:
        with path.open("wb") as file:
            yield file
    except OSError as err:
        msg = f"writing verdicts to {path}: {err.strerror}: give another path or make room"
        raise HistoryError(msg) from err
