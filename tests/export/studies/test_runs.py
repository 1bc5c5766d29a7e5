from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from edge.demo.cells import load_cells
from export.studies.protocol import Scores
from export.studies.runs import RUNS, leave_one_run_out, runs_quality, splits


def test_a_run_is_a_stretch_of_one_material() -> None:
    materials = [cell.material for cell in load_cells()]
    changes = [0, *(row for row in range(1, len(materials)) if materials[row] != materials[row - 1]), len(materials)]
    assert [range(*ends) for ends in pairwise(changes)] == list(RUNS)


def test_no_cell_is_measured_by_what_learned_from_its_run() -> None:
    measured: list[int] = []
    for training, run in splits():
        assert not set(training) & set(run)
        assert len(training) + len(run) == 2624
        measured += run
    assert measured == list(range(2624))


def test_scores_come_back_in_the_order_of_the_cells() -> None:
    def scorer(training: Sequence[int], measured: Sequence[int]) -> Scores:
        return np.array([row + 10_000.0 * (row in training) for row in measured])

    assert np.array_equal(leave_one_run_out(scorer), np.arange(2624.0))


@pytest.mark.long
def test_a_scorer_that_is_right_in_each_run_but_not_between_runs_has_a_perfect_mean_only() -> None:
    defective = np.arange(2624) % 3 == 0
    level = np.repeat(np.arange(len(RUNS)), [len(run) for run in RUNS])

    quality = runs_quality([defective + 2.0 * level], defective)

    assert quality.mean.value == quality.mean.low == 1
    assert quality.by_run == (1,) * len(RUNS)
    assert quality.pooled.low < quality.pooled.value < quality.pooled.high < 0.8
