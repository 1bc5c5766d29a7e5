"""What a judge that was taught on one material finds on another: as it is, with unlabelled pictures of it, and with a few labels.

`python -m export.studies.adaptation WORK --out FILE.md` teaches mono cells again and again, with pictures of the first poly run, and
measures the other poly runs. WORK keeps pictures, scores and the stages of teaching, so that what was interrupted goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.progress import Report
from export.starter.cells import load_cells, training_cells
from export.studies.cell_sets import cell_flags
from export.studies.command import study_parser, write_page
from export.studies.imagenet import kept
from export.studies.progress import reporter
from export.studies.protocol import BLOCK_CELLS, RESAMPLES, Scores, difference, quality
from export.studies.runs import RUNS
from export.studies.taught import JUDGES, copied, study_plan, taught_scores
from export.studies.template import fill, row, table
from export.teach.estimate import EffortName
from export.teach.plan import Plan
from firmware_config.board import Board, read_board

EFFORT: EffortName = "quick"
NEW_RUN, *MEASURED_RUNS = RUNS[1::2]
"""Poly runs: runs of mono and poly cells come in turn."""
ROUNDS = 3
LABELLED_COUNTS = (1, 2, 4, 8, 16, 32)
"""Labelled cells of the new run, of each decision."""
AS_IT_IS, MEMORY, ADAPTED = "as it is", "memory renewed with unlabelled cells", f"[adapt] rounds = {ROUNDS} with unlabelled cells"
DRAW_SEED = 0


def variants() -> dict[str, tuple[bool, int, int]]:
    """By name of a row: whether there are unlabelled cells, the rounds of adapting, and the labelled cells of each decision."""
    plain = {AS_IT_IS: (False, 0, 0), MEMORY: (True, 0, 0), ADAPTED: (True, ROUNDS, 0)}
    return plain | {f"{count} good and {count} defective cells labelled": (False, 0, count) for count in LABELLED_COUNTS}


def planned(name: str, work: Path, *, report: Report) -> Plan:
    """The plan of a variant.

    Raises:
        SpecError: a picture is wrong.
    """
    cells, (unlabelled, rounds, labelled) = load_cells(), variants()[name]
    good = [cell.path for cell in training_cells() if cell.probability == 0]
    pictures: dict[str, object] = {"good": [copied(good, work / "good")]}
    if unlabelled:
        pictures["unlabelled"] = [copied([cells[row].path for row in NEW_RUN], work / "unlabelled")]
    if labelled:
        order = [cells[row] for row in np.random.default_rng(DRAW_SEED).permutation(np.array(NEW_RUN))]
        drawn = {decision: [cell.path for cell in order if cell.defective is (decision == "ng")] for decision in ("ok", "ng")}
        pictures["labelled"] = {
            decision: [copied(paths[:labelled], work / f"labelled-{labelled}/{decision}")] for decision, paths in drawn.items()
        }
    title = f"unlabelled-{rounds}" if unlabelled else f"labelled-{labelled}"
    return study_plan(title, "solar_cell", pictures, effort=EFFORT, work=work, report=report, adapt=rounds)


def variant_scores(name: str, work: Path, *, board: Board, report: Report) -> Scores:
    """Teach a variant, and return the scores of the measured cells by the JUDGES, float64 (N, 2); made once.

    Raises:
        ExportError, EdgeError: teaching or a model failed.
    """

    def make() -> Scores:
        report(f"{name}\n")
        plan, cells = planned(name, work, report=report), load_cells()
        return taught_scores(plan, [cells[row].path for row in measured_rows()], cache=work / "cache", board=board, report=report)

    return np.asarray(kept(work / f"{'-'.join(map(str, map(int, variants()[name])))}-{EFFORT}.npy", make), np.float64)


def measured_rows() -> list[int]:
    """The poly cells of all runs but the new one."""
    return [row for run in MEASURED_RUNS for row in run]


def page(scores: Sequence[Scores], *, command: str) -> str:
    """Measure the scores of each variant, float64 (N, 2), and return the page as Markdown."""
    rows = measured_rows()
    every_defective, every_certain = cell_flags(load_cells())
    defective, certain = every_defective[rows], every_certain[rows]
    lines = []
    for name, found in zip(variants(), scores, strict=True):
        for judge, column, before in zip(JUDGES, found.T, scores[0].T, strict=True):
            q = quality([column], [0.0], defective, certain, rows)
            gain = "" if name == AS_IT_IS else str(difference([column], [before], defective, rows))
            lines.append(row(name, judge, q.auroc, f"{q.auroc_certain:.3f}", gain))
    return fill(
        Path(__file__).with_suffix(".md"),
        command=command,
        effort=EFFORT,
        new=f"{NEW_RUN.start} to {NEW_RUN.stop - 1}",
        defective=int(every_defective[list(NEW_RUN)].sum()),
        unlabelled=len(NEW_RUN),
        count=len(rows),
        block=BLOCK_CELLS,
        resamples=f"{RESAMPLES:,}",
        variants=table(("taught", "judge", "AUROC (95 % interval)", "AUROC, certain", "gained (95 % interval)"), lines),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write the page."""
    parser = study_parser(
        "adaptation", "Teach mono cells, adapt to poly cells, and measure others of these.", keeps="pictures, scores and stages"
    )
    options, report, board = parser.parse_args(arguments), reporter(), read_board("cpu")

    def make(command: str) -> str:
        return page([variant_scores(name, options.work, board=board, report=report) for name in variants()], command=command)

    return write_page(parser, options, make)


if __name__ == "__main__":
    sys.exit(main())
