from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.starter.cells import load_cells
from export.studies import left_out_runs
from export.studies.left_out_runs import BOTH, page, planned, run_scores
from export.studies.runs import RUNS, splits
from export.studies.taught import JUDGES
from firmware_config.board import read_board


def silent(line: str) -> None:
    """No progress."""


def test_a_plan_has_each_other_run_with_enough_good_cells_as_a_domain_and_nothing_of_the_one_that_is_left_out(tmp_path: Path) -> None:
    cells = load_cells()
    training, measured = list(splits())[3]
    plan = planned(training, tmp_path, effort="quick", report=silent)
    good = [sum(cells[row].probability == 0 for row in run) for run in RUNS[1:] if run != measured]
    assert [len(domain.paths) for domain in plan.domains] == good
    assert not plan.pictures.labelled
    taught = {path.read_bytes() for domain in plan.domains for path in domain.paths}
    assert not taught & {cells[row].path.read_bytes() for row in measured}


def test_scores_of_a_run_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training, measured = next(splits())
    monkeypatch.setattr(left_out_runs, "taught_scores", lambda _, paths, **__: np.stack([np.arange(len(paths)), np.ones(len(paths))], 1))

    def scores() -> np.ndarray:
        return run_scores(training, measured, tmp_path, effort="quick", board=read_board("cpu"), report=silent)

    first = scores()
    assert first.shape == (60, 2)
    monkeypatch.setattr(left_out_runs, "taught_scores", None)
    assert (scores() == first).all()


def test_the_page_says_the_aurocs_of_each_judge_and_run() -> None:
    defective = np.array([cell.defective for cell in load_cells()])
    rows = np.arange(len(defective))
    blind_in_first_run = np.where(rows < RUNS[0].stop, 0.5, defective)
    text = page(np.stack([defective.astype(float), blind_in_first_run], 1), effort="quick", command="make it")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    table = {line[0]: line[1:] for line in lines}
    assert table[JUDGES[0]][0].startswith("1.000")
    assert table[JUDGES[0]][2:] == ["1.000"] * len(RUNS)
    assert table[JUDGES[1]][2:] == ["0.500"] + ["1.000"] * (len(RUNS) - 1)
    assert table[BOTH][2:] == ["1.000"] * len(RUNS)
    assert "make it" in text
