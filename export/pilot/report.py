"""The pilot's report: read the inspections of the labelled cells, measure, write a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.bundles import Bundle
from edge.message import decode
from edge.records import Description, Inspection
from export.pilot import controls
from export.pilot.protocol import Flags, Quality, Scores, best_threshold, quality
from export.starter.cells import HELD_OUT_MONO, SOURCE_VALIDATION, TRAINING, Cell, load_cells
from firmware_config.board import Board
from firmware_config.station import Station


class PilotError(Exception):
    """The study cannot be made from what was given; says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Study:
    """The labelled cells in data-set order, their inspections, and what each set is."""

    cells: tuple[Cell, ...]
    inspections: tuple[Inspection, ...]
    defective: Flags
    certain: Flags

    @property
    def sets(self) -> dict[str, list[int]]:
        """Rows of the two sets that are measured; nothing was learned or chosen on them."""
        return {
            "held-out mono runs": [row for part in HELD_OUT_MONO for row in part],
            "all poly cells": [cell.row for cell in self.cells if cell.material == "poly"],
        }

    @property
    def descriptions(self) -> list[Description]:
        """The words of every cell."""
        return [inspection.description or Description((), (), ()) for inspection in self.inspections]


def read_study(jsonl: Path) -> Study:
    """Match the lines of `kotoba-edge inspect` with the labels by file name.

    Raises:
        PilotError: the file cannot be read, or a cell has no line with probabilities.
    """
    try:
        lines = jsonl.read_bytes().splitlines()
    except OSError as err:
        msg = f"inspections {jsonl} cannot be read ({err.strerror}): make them with `kotoba-edge inspect`"
        raise PilotError(msg) from err
    by_name = {Path(inspection.source).name: inspection for inspection in map(decode, lines)}
    cells = load_cells()
    missing = [cell.path.name for cell in cells if cell.path.name not in by_name or by_name[cell.path.name].scores is None]
    if missing:
        msg = f"{len(missing)} of {len(cells)} cells have no line with probabilities in {jsonl}, the first is {missing[0]}: inspect all cells"
        raise PilotError(msg)
    return Study(
        cells=cells,
        inspections=tuple(by_name[cell.path.name] for cell in cells),
        defective=np.array([cell.defective for cell in cells]),
        certain=np.array([cell.certain for cell in cells]),
    )


def judge_scores(study: Study, station: Station) -> Scores:
    """Probability of not-ok as the box gave it."""
    good = {label.name for label in station.labels if label.decision == "ok"}
    return np.array(
        [
            1 - sum(p for label, p in zip(i.scores.labels, i.scores.probabilities, strict=True) if label in good) if i.scores else np.nan
            for i in study.inspections
        ]
    )


def all_scores(study: Study, bundle: Bundle, board: Board, station: Station) -> dict[str, Scores]:
    """Every way of scoring, by the name it has in the report."""
    ours = judge_scores(study, station)
    teach = list(TRAINING)
    scores = {
        "judge on words (the product)": ours,
        "majority": controls.majority(len(ours)),
        "linear probe on our CLIP features": controls.linear_probe(
            controls.image_features(bundle, board, [cell.path for cell in study.cells]), study.defective, teach
        ),
        "TF-IDF + logistic regression on the same words": controls.words_probe(controls.texts_of(study.descriptions), study.defective, teach),
        "zero-shot: the same model, no adapter": controls.zero_shot(bundle, board, station, study.descriptions),
    }
    for seed in controls.SHUFFLES:
        scores[f"descriptions shuffled, seed {seed}"] = controls.shuffled(ours, seed)
    return scores


def measure(study: Study, scores: Scores, rows: Sequence[int]) -> Quality:
    """One way of scoring on one set, with the threshold of the source validation run."""
    chosen = list(SOURCE_VALIDATION)
    threshold = best_threshold(scores[chosen], study.defective[chosen])
    index = list(rows)
    return quality(scores[index], study.defective[index], study.certain[index], rows, threshold=threshold)


def table(study: Study, scores: dict[str, Scores]) -> str:
    """The Markdown tables, one a set."""
    parts = []
    for name, rows in study.sets.items():
        bad = int(study.defective[rows].sum())
        parts.append(f"### {name.capitalize()}: {len(rows)} cells, {bad} defective\n")
        parts.append("| scored by | AUROC (95 % interval) | AUROC, certain cells | macro-F1 | escape | overkill |")
        parts.append("|---|---|---|---|---|---|")
        for way, values in scores.items():
            q = measure(study, values, rows)
            parts.append(f"| {way} | {q.auroc} | {q.auroc_certain:.3f} | {q.macro_f1:.3f} | {q.escape:.1%} | {q.overkill:.1%} |")
        parts.append("")
    return "\n".join(parts)
