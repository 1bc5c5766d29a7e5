from __future__ import annotations

import numpy as np
import pytest

from edge.drawing.sheet import GREY, INK, PAPER, Sheet


def columns_with_ink(sheet: Sheet) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.flatnonzero((sheet.finished() != PAPER).any(axis=(0, 2)))


@pytest.mark.parametrize("oversampling", [1, 2])
def test_a_sheet_has_its_size_whatever_the_oversampling(oversampling: int) -> None:
    sheet = Sheet(40, 30, oversampling=oversampling).finished()
    assert sheet.shape == (30, 40, 3)
    assert (sheet == PAPER).all()


def test_a_sheet_is_cut_at_the_height_that_is_asked_for() -> None:
    assert Sheet(40, 30).finished(height_px=12).shape == (12, 40, 3)


def test_text_aligned_to_the_right_ends_at_its_place() -> None:
    sheet = Sheet(200, 40)
    assert sheet.write("OK", (150, 30), INK, scale=0.5, align="right") == 150
    assert columns_with_ink(sheet).max() <= 151
    assert columns_with_ink(sheet).min() > 100


def test_a_filled_rectangle_includes_both_corners() -> None:
    sheet = Sheet(20, 20)
    sheet.fill((5, 6), (9, 8), GREY)
    rows, columns = np.nonzero((sheet.finished() == GREY).all(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 8, 5, 9)


def test_a_picture_is_pasted_inside_its_frame() -> None:
    sheet = Sheet(40, 40)
    sheet.picture(np.zeros((20, 20, 3), np.uint8), (10, 10), (0, 0, 255), frame_px=1)
    drawn = sheet.finished()
    assert (drawn[20, 20] == 0).all()
    assert tuple(drawn[10, 20]) == (0, 0, 255)
    assert (drawn[5, 5] == PAPER).all()
