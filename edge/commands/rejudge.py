"""`kotoba-edge rejudge`: judge stored words with another instruction, adapter or method, and see how decisions change."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edge.commands.history_options import add_history_options, add_time_options, history_from, with_progress
from edge.commands.options import positive, settings_from
from edge.errors import HistoryError
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

OF_THE_JUDGE = {"template": "template_file", "adapter": "adapter", "method": "method"}
"""Options of the command, and the keys of the station's [judge] that each replaces."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    rejudge = commands.add_parser("rejudge", help="judge stored words again with another template, adapter or method: what would change?")
    add_history_options(rejudge)
    add_time_options(rejudge)
    rejudge.add_argument("--limit", type=positive, metavar="N", help="the first N inspections")
    add_judge_options(rejudge)
    rejudge.add_argument("--out", type=Path, metavar="JSONL", help="write the new verdicts there, one line each")
    rejudge.set_defaults(command=_rejudge, quiet=True)


def add_judge_options(command: argparse.ArgumentParser) -> None:
    """Take what replaces the station's own judging."""
    command.add_argument("--template", type=Path, metavar="FILE", help="an instruction template in the place of the station's")
    command.add_argument("--adapter", metavar="NAME", help="a LoRA of the bundle")
    command.add_argument("--method", choices=("rank", "contextual", "generate"), help="a method of judging")


def _rejudge(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.message import encode
    from edge.records import Decision
    from edge.review.comparison import judge_again, summary, table
    from edge.review.rejudge import open_rejudge
    from firmware_config.station import read_station

    if options.out is not None and options.jsonl is not None and options.out.resolve() == options.jsonl.resolve():
        msg = f"writing verdicts to {options.out}: these are the lines that are judged again: give another path"
        raise HistoryError(msg)
    station = read_station(options.station)
    history = history_from(options, settings)
    found = history.select(station=station.station.name, since=options.since, until=options.until, limit=options.limit)
    judged = [inspection for inspection in found if inspection.verdict.decision is not Decision.FAULT]
    said = {key: getattr(options, option) for option, key in OF_THE_JUDGE.items() if getattr(options, option) is not None}
    if said:
        said["calibration"] = None  # it was fitted for the station's own judging
    rejudge = open_rejudge(station.judging(said), settings=settings_from(options, settings))
    compared = []
    with _lines(options.out) as out:
        started = time.monotonic()
        for inspection in with_progress(judged, total=len(judged)):
            compared.append(judge_again(rejudge, inspection))
            if out is not None:
                out.write(encode(compared[-1].as_inspection(rejudge)) + b"\n")
        took_s = time.monotonic() - started
    print(table(compared))
    print(summary(compared, faults=len(found) - len(judged), took_s=took_s))
    return DONE


@contextlib.contextmanager
def _lines(path: Path | None) -> Iterator[BinaryIO | None]:
    if path is None:
        yield None
        return
    try:
        with path.open("wb") as file:
            yield file
    except OSError as err:
        msg = f"writing verdicts to {path}: {err.strerror}: give another path or make room"
        raise HistoryError(msg) from err
