from __future__ import annotations

import numpy as np

from export.painting.grain import add_grain, make_grain
from export.painting.ground_truth import KINDS, GroundTruth
from export.painting.layout import vary_layout
from export.painting.paint import LEAST_STRENGTH, PATCH_PX, Painted, paint
from export.painting.render import render_cell
from export.painting.scene import Defect

SIZE_PX = 224
SEEDS = range(30)


def painted_by(seed: int) -> Painted:
    rng = np.random.default_rng(seed)
    return paint(render_cell(SIZE_PX, rng), rng)


def test_painting_only_darkens_and_leaves_the_cell_unchanged() -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        cell = render_cell(SIZE_PX, rng)
        before = cell.copy()
        painted = paint(cell, rng)
        assert np.array_equal(cell, before)
        assert painted.pixels.dtype == np.float32
        assert (painted.pixels <= cell + 1e-6).all()


def test_patch_kinds_are_those_of_the_painted_defects_and_cover_darker_patches() -> None:
    all_kinds = set()
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        cell = np.ones((SIZE_PX, SIZE_PX), np.float32)
        painted = paint(cell, rng)
        kinds = {KINDS[index] for index in np.unique(painted.patch_kinds) if index}
        assert kinds <= {defect.kind for defect in painted.defects}
        darkened = (cell - painted.pixels).reshape(SIZE_PX // PATCH_PX, PATCH_PX, SIZE_PX // PATCH_PX, PATCH_PX).max((1, 3))
        assert (darkened[painted.patch_kinds > 0] >= LEAST_STRENGTH / 2).all()
        all_kinds |= kinds
    assert len(all_kinds) >= 5


def test_painted_defects_are_visible_and_inside_the_picture() -> None:
    for seed in SEEDS:
        for defect in painted_by(seed).defects:
            assert defect.strength >= LEAST_STRENGTH
            assert 0 <= defect.x <= 1
            assert 0 <= defect.y <= 1
            assert 0 < defect.size <= 1 + 1 / SIZE_PX


def test_the_same_seed_paints_the_same_picture() -> None:
    first, second = painted_by(5), painted_by(5)
    assert np.array_equal(first.pixels, second.pixels)
    assert first.defects == second.defects


def test_a_layout_or_grain_keeps_the_shape_and_type_of_a_cell() -> None:
    rng = np.random.default_rng(2)
    pool = make_grain(2, SIZE_PX, rng)
    for _ in SEEDS:
        cell, _, strength = add_grain(vary_layout(render_cell(SIZE_PX, rng), rng), pool, rng)
        assert cell.shape == (SIZE_PX, SIZE_PX)
        assert cell.dtype == np.float32
        assert 0.03 <= strength <= 0.13


def test_the_kind_of_a_cell_is_that_of_its_most_visible_defect() -> None:
    crack, stain = Defect("crack", "line", 0.2, 0.2, 0.3, 0.1), Defect("stain", "spot", 0.5, 0.5, 0.6, 0.9)
    assert GroundTruth("mono", clouds=False, uneven=False, defects=(crack, stain)).kind == "stain"
    assert GroundTruth("mono", clouds=False, uneven=False, defects=()).kind == "intact"
