from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge.records import Decision
from edge.studies.labelled import read_lines
from export.starter.cells import load_cells
from export.studies import results
from export.studies.errors import StudyError
from export.studies.seed_files import (
    EYE,
    LANGUAGE_MODEL,
    LANGUAGE_MODEL_ON,
    LINEAR,
    LINEAR_ON,
    VALIDATION,
    ZERO_SHOT,
    SeedFiles,
    StudiedSeed,
    keep_scores,
    read_scores,
    read_seed,
    studied_cells,
)
from export.studies.taught_seeds import study_seed
from firmware_config.board import read_board
from firmware_config.signature import read_trusted_keys
from tests.support.tiny_cells import DARKEST, tiny_cells_plan, tiny_studied_cells, write_tiny_cells

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
]

SEED = 1
MODELS, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def study(folder: Path) -> list[str]:
    """Study the seed in FOLDER/work; returns what was reported."""
    said: list[str] = []
    study_seed(
        tiny_cells_plan(folder, seed=SEED),
        SeedFiles(folder / "work", SEED),
        tiny_studied_cells(),
        asks=True,
        key=folder / "keys/builder.key",
        cache=folder / "cache",
        board=read_board("cpu"),
        report=said.append,
    )
    return said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a seed was studied."""
    folder = tmp_path_factory.mktemp("seeds") / "cells"
    write_tiny_cells(folder)
    study(folder)
    return folder


@pytest.fixture(scope="module")
def studied(folder: Path) -> StudiedSeed:
    return read_seed(SeedFiles(folder / "work", SEED), tiny_studied_cells(), trusted=read_trusted_keys(folder / "keys"))


def test_no_cell_that_chooses_or_is_measured_fits_a_control() -> None:
    cells = studied_cells()
    assert {name: len(rows) for name, rows in cells.sets.items()} == {VALIDATION: 132, "held-out mono runs": 180, "all poly cells": 1550}
    assert len(cells.measured) == 132 + 180 + 1550
    assert not set(cells.training) & set(cells.measured)


@pytest.mark.slow
def test_each_measured_cell_has_words_and_a_score_of_every_scorer(studied: StudiedSeed) -> None:
    measured = tiny_studied_cells().measured
    assert list(studied.descriptions) == list(studied.decisions) == measured
    assert {LANGUAGE_MODEL, LINEAR, EYE, f"{LINEAR_ON}tags alone", f"{LANGUAGE_MODEL_ON}tags alone", ZERO_SHOT} < set(studied.scores)
    for name, scores in studied.scores.items():
        assert np.flatnonzero(np.isfinite(scores)).tolist() == measured, name


@pytest.mark.slow
def test_a_cell_that_is_no_healthy_picture_is_a_fault_and_has_words_all_the_same(studied: StudiedSeed) -> None:
    assert studied.decisions[DARKEST] is Decision.FAULT
    assert studied.descriptions[DARKEST].words.tags
    given = results.decisions(studied, LINEAR, tiny_studied_cells(), "all poly cells", escape=0.5)
    assert given[list(tiny_studied_cells().sets["all poly cells"]).index(DARKEST)] is Decision.FAULT


@pytest.mark.slow
def test_source_validation_cells_are_compared_with_a_memory_that_lacks_the_held_out_ones(studied: StudiedSeed) -> None:
    cells = tiny_studied_cells()
    memories = {
        name: {one.familiarity and one.familiarity.memory for row in rows if (one := studied.descriptions[row])}
        for name, rows in cells.sets.items()
    }
    assert memories[VALIDATION] != memories["held-out mono runs"] == memories["all poly cells"]
    assert all(len(some) == 1 for some in memories.values())


@pytest.mark.slow
def test_a_study_that_was_interrupted_goes_on_and_finds_the_same(folder: Path, studied: StudiedSeed) -> None:
    files = SeedFiles(folder / "work", SEED)
    assert study(folder) == ["seed 1: kept from an earlier run\n"]
    lines = files.inspections.read_bytes().splitlines(keepends=True)
    files.inspections.write_bytes(b"".join(lines[:-3]))
    files.scores.unlink()
    files.finished.unlink()
    with pytest.raises(
        StudyError, match=r"seed 1 is not finished in .*work: run `python -m export.studies.taught_seeds .*work` to its end"
    ):
        read_seed(files, tiny_studied_cells(), trusted={})

    study(folder)

    again = read_seed(files, tiny_studied_cells(), trusted=read_trusted_keys(folder / "keys"))
    assert [one.id for one in read_lines(files.inspections)[:-3]] == [
        line.split(b'"id":"')[1].split(b'"')[0].decode() for line in lines[:-3]
    ]
    assert again.decisions == studied.decisions
    for name, scores in studied.scores.items():
        np.testing.assert_allclose(again.scores[name], scores, rtol=1e-6, err_msg=name)


@pytest.mark.slow
def test_the_page_has_every_scorer_of_every_set_and_every_calibration(studied: StudiedSeed) -> None:
    cells = tiny_studied_cells()
    alternative = np.arange(len(load_cells()), dtype=np.float64)

    told = results.page([studied], cells, {"patch memory": [alternative] * 2}, command="python -m export.studies.results")

    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in told.splitlines() if line.startswith("|")]
    scorers = [line[0] for line in lines]
    shown = [*results.all_scores([studied], cells, {"patch memory": [alternative] * 2})]
    assert {LANGUAGE_MODEL, LINEAR, EYE, ZERO_SHOT, results.DARKNESS, results.MAJORITY, results.SHUFFLED, "patch memory"} < set(shown)
    for name in shown:
        assert scorers.count(name) >= len(cells.sets), name
    majority = next(line for line in lines if line[0] == results.MAJORITY)
    assert majority[1] == "0.500 (0.500 to 0.500)"
    calibrations = [line[1] for line in lines]
    for calibration, judges in (("none, the bundle as it comes", 1), ("source validation, 2 %", 2), ("source validation, 5 %", 2)):
        assert calibrations.count(calibration) == judges * len(cells.sets)
    assert "nan" not in told.replace("nance", "")


def test_scores_are_asked_once_and_those_of_other_models_are_refused(tmp_path: Path) -> None:
    asked: list[str] = []

    def scorer(name: str) -> np.ndarray:
        asked.append(name)
        return np.array([1.0, 2.0])

    for names in (("a",), ("a", "b")):
        keep_scores(tmp_path / "seed1.npz", MODELS, {name: partial(scorer, name) for name in names}, [3, 7], report=lambda _: None)

    assert asked == ["a", "b"]
    kept = read_scores(tmp_path / "seed1.npz", MODELS)
    assert set(kept) == {"a", "b"}
    assert np.flatnonzero(np.isfinite(kept["a"])).tolist() == [3, 7]
    with pytest.raises(StudyError, match=rf"the scores in .*seed1.npz are of models {MODELS}, the bundle has {OTHER}: remove the file"):
        read_scores(tmp_path / "seed1.npz", OTHER)
    (tmp_path / "seed1.npz").write_text("no scores")
    with pytest.raises(StudyError, match=r"scores .*seed1.npz cannot be read"):
        read_scores(tmp_path / "seed1.npz", MODELS)
