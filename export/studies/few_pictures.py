"""How well a product is taught from few good pictures, without a label and with a few.

`python -m export.studies.few_pictures WORK --out FILE.md` teaches cells, textile and rendered parts again and again. WORK keeps pictures
and the stages of teaching, so that what was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.demo.textiles import textile_paths
from export.products.assembly.part import FAULTS
from export.progress import Report
from export.starter.cells import load_cells, training_cells
from export.studies.alternatives import ASSEMBLY_BAD, ASSEMBLY_SEED, GOOD_COUNTS, rendered
from export.studies.cell_sets import cell_sets
from export.studies.command import study_parser, write_page
from export.studies.imagenet import kept
from export.studies.progress import reporter
from export.studies.protocol import Scores, auroc
from export.studies.taught import JUDGES, copied, study_plan, taught_scores
from export.studies.template import fill, row, table
from export.teach.estimate import EffortName
from export.teach.plan import Plan
from firmware_config.board import Board, read_board

LABELLED_COUNTS = (0, 4, 16)
EFFORT: EffortName = "quick"
GOOD = "good"
HELD_OUT_MONO = "held-out mono runs"
MEASURED_TEXTILE, LABELLED_TEXTILE = slice(300, 500), slice(200, 300)
"""Of each kind of defect, and, from the 601st on, of the nominal pictures: what is measured, and what the labelled ones are taken from."""
TESTED_NOMINAL = 500
LABELLED_SEED, LABELLED_BAD = 2, 3
SHUFFLE_SEED = 0


@dataclass(frozen=True, slots=True)
class Case:
    """A product: good pictures to teach with, defective ones whose label may be given, and by kind what is measured, "good" among them.

    The first ones of each are a fair sample of all.
    """

    product: str
    good: Sequence[Path]
    defective: Sequence[Path]
    measured: Mapping[str, Sequence[Path]]

    @property
    def paths(self) -> list[Path]:
        """All measured pictures, kind by kind."""
        return [path for paths in self.measured.values() for path in paths]

    def rows(self, *kinds: str) -> list[int]:
        """Where the pictures of some kinds are among `paths`."""
        names = [kind for kind, paths in self.measured.items() for _ in paths]
        return [row for row, name in enumerate(names) if name in kinds]


def cells_case(_: Path) -> Case:
    """Mono cells: good ones of the training modules teach, cells of the held-out mono runs are measured. No poly cell is looked at."""
    cells, training = load_cells(), training_cells()
    mixed = [training[index] for index in np.random.default_rng(SHUFFLE_SEED).permutation(len(training))]
    good, defective = ([cell.path for cell in mixed if cell.probability == probability] for probability in (0, 1))
    held_out = [cells[row] for row in cell_sets(cells)[HELD_OUT_MONO]]
    measured = {
        GOOD: [cell.path for cell in held_out if not cell.defective],
        "defective": [cell.path for cell in held_out if cell.defective],
    }
    return Case("solar_cell", good, defective, measured)


def textile_case(_: Path) -> Case:
    """Woven textile."""
    nominal, defects = textile_paths("nominal"), {kind: textile_paths(kind) for kind in ("local", "global")}
    measured = {GOOD: nominal[-TESTED_NOMINAL:][MEASURED_TEXTILE], **{kind: paths[MEASURED_TEXTILE] for kind, paths in defects.items()}}
    labelled = [path for pair in zip(*(paths[LABELLED_TEXTILE] for paths in defects.values()), strict=True) for path in pair]
    return Case("woven", nominal[: max(GOOD_COUNTS)], labelled, measured)


def assembly_case(work: Path) -> Case:
    """Rendered control boards, of both lines in turn."""
    teaching = rendered(work / f"assembly-seed{ASSEMBLY_SEED}", seed=ASSEMBLY_SEED, good=max(GOOD_COUNTS), bad=ASSEMBLY_BAD)
    other = rendered(work / f"assembly-seed{LABELLED_SEED}", seed=LABELLED_SEED, good=2, bad=LABELLED_BAD)

    def found(folder: Path, pattern: str) -> list[Path]:
        return sorted(folder.glob(pattern), key=lambda path: (path.stem.rpartition("-")[2], path.parent.name, path.stem))

    measured = {GOOD: found(teaching, "test/good/*.png"), **{kind: found(teaching, f"test/{kind}/*.png") for kind in FAULTS}}
    defective = [path for kind in FAULTS for path in found(other, f"test/{kind}/*.png")]
    defective.sort(key=lambda path: path.stem.rpartition("-")[2])
    return Case("assembly", found(teaching, "good/*/*.png"), defective, measured)


CASES: Mapping[str, Callable[[Path], Case]] = {"Cells": cells_case, "Textile": textile_case, "Assembled part": assembly_case}


def planned(case: Case, work: Path, *, good: int, labelled: int, report: Report) -> Plan:
    """The plan that teaches a case from so many good pictures and so many labelled ones of each decision.

    Raises:
        SpecError: the product or a picture is wrong.
    """
    pictures: dict[str, object] = {"good": [copied(case.good[:good], work / f"{case.product}/good-{good}")]}
    if labelled:
        pictures["labelled"] = {"ng": [copied(case.defective[:labelled], work / f"{case.product}/labelled-{labelled}")]}
    return study_plan(f"{case.product}-{good}-{labelled}", case.product, pictures, effort=EFFORT, work=work, report=report)


def measured_scores(case: Case, work: Path, *, good: int, labelled: int, board: Board, report: Report) -> dict[str, Scores]:
    """Teach, and return by judge the score of each measured picture, float64 (N,), higher is more defective; made once.

    Raises:
        ExportError, EdgeError: teaching or a model failed.
    """

    def make() -> Scores:
        plan = planned(case, work, good=good, labelled=labelled, report=report)
        return taught_scores(plan, case.paths, cache=work / "cache", board=board, report=report)

    scores = np.asarray(kept(work / f"{case.product}-good{good}-labelled{labelled}-{EFFORT}.npy", make), np.float64)
    return dict(zip(JUDGES, scores.T, strict=True))


def curve(case: Case, work: Path, *, board: Board, report: Report) -> str:
    """A table: AUROC of each kind of defect, and of all, by good and labelled pictures and by judge."""
    kinds, lines = [kind for kind in case.measured if kind != GOOD], []
    groups = [[kind] for kind in kinds] + ([kinds] if len(kinds) > 1 else [])
    for good in (count for count in GOOD_COUNTS if count <= len(case.good)):
        for labelled in LABELLED_COUNTS:
            report(f"{case.product}: {good} good pictures, {labelled} labelled ones\n")
            by_judge = measured_scores(case, work, good=good, labelled=labelled, board=board, report=report)
            for judge, scores in by_judge.items():
                found = []
                for group in groups:
                    rows = case.rows(GOOD, *group)
                    defective = ~np.isin(rows, case.rows(GOOD))
                    found.append(f"{auroc(scores[rows], defective):.3f}")
                lines.append(row(good, labelled, judge, *found))
    return table(("good pictures", "labelled", "judge", *kinds, *(("all",) if len(kinds) > 1 else ())), lines)


def page(work: Path, cases: Sequence[str], *, command: str, board: Board, report: Report) -> str:
    """Teach, measure, and return the page as Markdown."""
    parts = []
    for name in cases:
        case = CASES[name](work)
        counts = json.dumps({kind: len(paths) for kind, paths in case.measured.items()})[1:-1].replace('"', "")
        parts.append(f"## {name}\n\nMeasured pictures: {counts}.\n\n{curve(case, work, board=board, report=report)}\n")
    return fill(Path(__file__).with_suffix(".md"), command=command, effort=EFFORT, tables="\n".join(parts))


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write the page."""
    parser = study_parser(
        "few_pictures", "Teach products from few pictures, and measure what the judges find.", keeps="pictures, scores and stages"
    )
    options = parser.parse_args(arguments)

    def make(command: str) -> str:
        return page(options.work, list(CASES), command=command, board=read_board("cpu"), report=reporter())

    return write_page(parser, options, make)


if __name__ == "__main__":
    sys.exit(main())
