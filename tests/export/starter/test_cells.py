from __future__ import annotations

from itertools import pairwise

from export.starter.cells import HELD_OUT_MONO, SOURCE_VALIDATION, TRAINING, load_cells, training_cells, validation_cells


def test_splits_share_no_cell_and_studies_share_no_run_with_training() -> None:
    splits = [*map(set, TRAINING), *map(set, SOURCE_VALIDATION), *map(set, HELD_OUT_MONO)]
    assert sum(map(len, splits)) == len(set().union(*splits))
    runs = [0, 60, 360, 540, 900, 1614, 2144, 2216, 2396, 2444, 2624]
    for split in HELD_OUT_MONO:
        assert (split.start, split.stop) in set(pairwise(runs))
    source = set(range(360, 540)) | set(range(900, 1614))
    assert set().union(*map(set, (*TRAINING, *SOURCE_VALIDATION))) == source


def test_training_and_validation_use_only_mono_cells_outside_the_held_out_runs() -> None:
    cells = load_cells()
    assert len(cells) == 2624
    held_out = {row for part in HELD_OUT_MONO for row in part}
    for used in (training_cells(), validation_cells()):
        assert {cell.material for cell in used} == {"mono"}
        assert not held_out & {cell.row for cell in used}
    assert {cells[row].material for row in held_out} == {"mono"}
    assert {cell.probability for cell in cells} == {0.0, 1 / 3, 2 / 3, 1.0}
