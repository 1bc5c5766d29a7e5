from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.starter.cells import load_cells
from export.studies import adaptation
from export.studies.adaptation import ADAPTED, AS_IT_IS, MEMORY, NEW_RUN, measured_rows, page, planned, variant_scores, variants
from export.studies.taught import JUDGES
from firmware_config.board import read_board


def silent(line: str) -> None:
    """No progress."""


def test_what_teaches_is_not_measured() -> None:
    assert not set(NEW_RUN) & set(measured_rows())
    cells = load_cells()
    assert {cells[row].material for row in (*NEW_RUN, *measured_rows())} == {"poly"}


@pytest.mark.parametrize("name", [MEMORY, ADAPTED, list(variants())[-1]])
def test_a_variant_takes_the_pictures_that_its_name_says(name: str, tmp_path: Path) -> None:
    unlabelled, rounds, labelled = variants()[name]
    plan = planned(name, tmp_path, report=silent)
    assert len(plan.pictures.unlabelled) == (len(NEW_RUN) if unlabelled else 0)
    assert (plan.spec.adapt.rounds if plan.spec.adapt else 0) == rounds
    assert {decision: len(paths) for decision, paths in plan.pictures.labelled.items()} == (
        {"ok": labelled, "ng": labelled} if labelled else {}
    )
    cells = load_cells()
    bad = {cells[row].path.read_bytes() for row in NEW_RUN if cells[row].defective}
    assert all((path.read_bytes() in bad) is (decision == "ng") for decision, paths in plan.pictures.labelled.items() for path in paths)


def test_scores_are_kept_for_each_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[str] = []

    def scores(name: str, paths: list[Path], **_: object) -> np.ndarray:
        taught.append(name)
        return np.full((len(paths), 2), len(taught))

    monkeypatch.setattr(adaptation, "planned", lambda name, *_, **__: name)
    monkeypatch.setattr(adaptation, "taught_scores", scores)
    for _ in range(2):
        found = [variant_scores(name, tmp_path, board=read_board("cpu"), report=silent)[0, 0] for name in variants()]
        assert found == list(range(1, len(variants()) + 1))
    assert taught == list(variants())


def test_the_page_says_what_each_variant_gains() -> None:
    cells = load_cells()
    defective = np.array([cells[row].defective for row in measured_rows()], float)
    blind, sees = np.zeros_like(defective), defective
    scores = [np.stack([blind, sees], 1), *(np.stack([sees, sees], 1) for _ in list(variants())[1:])]
    text = page(scores, command="make it")
    lines = {tuple(line[:2]): line[2:] for line in (line.strip("| ").split(" | ") for line in text.splitlines()) if len(line) > 3}
    assert lines[AS_IT_IS, JUDGES[0]][0].startswith("0.500")
    for name in list(variants())[1:]:
        assert lines[name, JUDGES[0]][2].startswith("0.500 (")
        assert lines[name, JUDGES[1]][2].startswith("0.000 (")
