"""The verdicts of a box on the pictures of a pilot: as its station comes, or as it would decide with a calibration from this pilot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.calibration.apply import apply_rule
from edge.calibration.fit import MIN_PICTURES, fit_rule
from edge.calibration.sample import FOLDS, Fold, Split
from edge.calibration.scales import Kind
from edge.inspection.policy import decide, limits_of
from edge.records import Verdict
from export.chapters.errors import ChapterError
from export.chapters.inspected import Flags, Inspected
from export.findings.box import Rule
from export.findings.remark import Remark
from export.texts.picture import Picture
from firmware_config.calibration import COVERAGE, labels_of
from firmware_config.calibration import Rule as CalibrationRule

ESCAPE_LIMITS = (0.01, 0.02, 0.05)
KIND: Kind = "logistic"
"""The scale of `kotoba-edge calibrate` where nobody chooses another."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """A verdict on each picture, by which rule, and the escape limit that a calibration was asked to keep."""

    rule: Rule
    escape_limit: float | None
    verdicts: tuple[Verdict, ...]


def as_it_comes(inspected: Inspected) -> Verdicts:
    """The verdicts as the box gave them."""
    return Verdicts("as_it_comes", None, tuple(one.verdict for one in inspected.inspections))


def calibrated(inspected: Inspected, validation: Flags, *, escape: float) -> Verdicts:
    """The verdicts with the calibration that `kotoba-edge calibrate` would fit on the pictures `validation`, bool (N,).

    Those pictures themselves are decided by fits on the other blocks. A picture that was not judged keeps its verdict.

    Raises:
        ChapterError: the calibration cannot be fitted on so few pictures, or on one block.
    """
    rows = fitting_rows(inspected, validation)
    sample = inspected.sample(rows)
    found = [one.verdict for one in inspected.inspections]

    def decide_on(decided: Sequence[int] | NDArray[np.int64], rule: CalibrationRule) -> None:
        for row in decided:
            found[row] = _verdict(inspected, int(row), rule)

    whole = fit_rule(sample, kind=KIND, escape=escape, coverage=COVERAGE)
    decide_on(np.flatnonzero(inspected.judged & ~validation), whole)
    for others, held_out in folds_by_block(inspected.blocks_of(rows))(len(rows)):
        decide_on(rows[held_out], fit_rule(sample.take(others), kind=KIND, escape=escape, coverage=COVERAGE))
    return Verdicts("calibrated", escape, tuple(found))


def fitting_rows(inspected: Inspected, validation: Flags) -> NDArray[np.int64]:
    """The rows of the pictures that a calibration is fitted on: those of `validation`, bool (N,), that were judged.

    Raises:
        ChapterError: there are too few good or defective ones, or all are of one block.
    """
    rows = np.flatnonzero(validation & inspected.judged)
    good, bad = int((~inspected.bad[rows]).sum()), int(inspected.bad[rows].sum())
    if min(good, bad) < MIN_PICTURES:
        raise ChapterError(Remark(code="too_few_to_calibrate", values={"good": good, "bad": bad, "least": MIN_PICTURES}))
    if len(set(inspected.blocks_of(rows))) == 1:
        raise ChapterError(Remark(code="one_block_to_calibrate"))
    return rows


def source_validation(pictures: Sequence[Picture], seen: AbstractSet[str]) -> Flags:
    """The pictures of the `seen` domains that are marked as validation; if none is marked, all pictures of those domains. Bool (N,)."""
    of_source = np.array([one.domain in seen for one in pictures], np.bool_)
    marked = np.array([one.split == "validation" for one in pictures], np.bool_) & of_source
    return marked if marked.any() else of_source


def folds_by_block(blocks: Sequence[str]) -> Split:
    """Folds for cross-fitting that split no block: up to ten, each of neighbouring blocks of rows; at least two blocks are needed."""
    numbers = {block: number for number, block in enumerate(dict.fromkeys(blocks))}
    block_of_row = np.array([numbers[block] for block in blocks], np.int64)

    def split(count: int) -> Iterator[Fold]:
        rows = np.arange(count)
        for part in np.array_split(np.arange(len(numbers)), min(FOLDS, len(numbers))):
            held_out = np.isin(block_of_row, part)
            yield rows[~held_out], rows[held_out]

    return split


def _verdict(inspected: Inspected, row: int, rule: CalibrationRule) -> Verdict:
    description, scores = inspected.judged_as(row)
    labels, limits = inspected.station.labels, limits_of(inspected.station, rule.escape)
    return decide(description, apply_rule(scores, rule, labels_of(labels)), labels=labels, limits=limits)
