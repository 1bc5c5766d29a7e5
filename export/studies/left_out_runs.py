"""Teach cells without one production run, and measure what the judges find in it; for each of the ten runs.

`python -m export.studies.left_out_runs WORK --out FILE.md` teaches ten times. WORK keeps pictures, scores and the stages of teaching, so
that what was interrupted goes on where it stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from export.progress import Report
from export.starter.cells import load_cells
from export.studies.cell_sets import cell_flags
from export.studies.command import study_parser, write_page
from export.studies.imagenet import kept
from export.studies.progress import reporter
from export.studies.protocol import BLOCK_CELLS, RESAMPLES, Scores, difference
from export.studies.runs import RUNS, leave_one_run_out, runs_quality, splits
from export.studies.taught import JUDGES, copied, study_plan, taught_scores
from export.studies.template import fill, row, table
from export.teach.estimate import EffortName
from export.teach.pictures import LEAST_GOOD
from export.teach.plan import Plan
from firmware_config.board import Board, read_board

PRODUCT = "solar_cell"
BOTH = "both judges, their log-odds added"


def planned(training: Sequence[int], work: Path, *, effort: EffortName, report: Report) -> Plan:
    """The plan that teaches from the certainly good cells of some runs, each run a domain of its own; nothing is labelled.

    A run with fewer of them than a domain needs teaches nothing.

    Raises:
        SpecError: a picture is wrong.
    """
    cells, taught = load_cells(), set(training)
    good = []
    for run in RUNS:
        paths = [cells[row].path for row in run if cells[row].probability == 0]
        if taught.issuperset(run) and len(paths) >= LEAST_GOOD:
            good.append(copied(paths, work / f"good/{run.start:04}"))
    (left_out,) = (run for run in RUNS if taught.isdisjoint(run))
    return study_plan(f"without-{left_out.start}", PRODUCT, {"good": good}, effort=effort, work=work, report=report)


def run_scores(training: Sequence[int], measured: Sequence[int], work: Path, *, effort: EffortName, board: Board, report: Report) -> Scores:
    """Teach, and return the scores of the measured cells by the JUDGES, float64 (N, 2), higher is more defective; made once.

    Raises:
        ExportError, EdgeError: teaching or a model failed.
    """

    def make() -> Scores:
        report(f"without the run that begins at {measured[0]}\n")
        plan, cells = planned(training, work, effort=effort, report=report), load_cells()
        return taught_scores(plan, [cells[row].path for row in measured], cache=work / "cache", board=board, report=report)

    return np.asarray(kept(work / f"without-{measured[0]:04}-{effort}.npy", make), np.float64)


def page(scores: Scores, *, effort: EffortName, command: str) -> str:
    """Measure the scores of all cells, float64 (2624, 2), and return the page as Markdown."""
    defective, _ = cell_flags(load_cells())
    heads = ("scorer", "pooled AUROC (95 % interval)", "mean over runs", *(f"{run.start} to {run.stop - 1}" for run in RUNS))
    lines = []
    for name, column in zip((*JUDGES, BOTH), (*scores.T, scores.sum(1)), strict=True):
        q = runs_quality([column], defective)
        lines.append(row(name, q.pooled, q.mean, *(f"{one:.3f}" for one in q.by_run)))
    less = difference([scores[:, 0]], [scores[:, 1]], defective, range(len(scores)))
    return fill(
        Path(__file__).with_suffix(".md"),
        command=command,
        effort=effort,
        block=BLOCK_CELLS,
        resamples=f"{RESAMPLES:,}",
        difference=f"{less.value:+.3f} ({less.low:+.3f} to {less.high:+.3f})",
        runs=table(heads, lines),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write the page."""
    parser = study_parser(
        "left_out_runs", "Teach cells without one production run, and measure it there.", keeps="pictures, scores and stages"
    )
    parser.add_argument(
        "--effort", choices=get_args(EffortName), default="quick", help="That of `kotoba-export teach`. Default: %(default)s."
    )
    parser.add_argument(
        "--runs", type=int, nargs="+", choices=[run.start for run in RUNS], metavar="ROW",
        help="Measure only the runs that begin at these rows, and write no page.",
    )  # fmt: skip
    options, report, board = parser.parse_args(arguments), reporter(), read_board("cpu")

    def scorer(training: Sequence[int], measured: Sequence[int]) -> Scores:
        return run_scores(training, measured, options.work, effort=options.effort, board=board, report=report)

    def make(command: str) -> str | None:
        if options.runs is None:
            effort = "" if options.effort == "quick" else f" --effort {options.effort}"
            return page(leave_one_run_out(scorer), effort=options.effort, command=command + effort)
        for training, measured in splits():
            if measured.start in options.runs:
                scorer(training, measured)
        return None

    return write_page(parser, options, make)


if __name__ == "__main__":
    sys.exit(main())
