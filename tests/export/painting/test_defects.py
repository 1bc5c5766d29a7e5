from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from export.painting.defects import Choice, as_defect, covered_patches, paint, visible_extent
from export.painting.scene import Brush, Change, Scene

EVEN = np.full((160, 224), 0.5, np.float32)
CRACK = Choice("crack", "wavy_line", 0.5, Brush(strength=(0.3, 0.6), size=(0.3, 0.9)), more=3)
REGION = Choice("dark area", "dark_region", 0.4, Brush(strength=(0.3, 0.9), size=(0.2, 0.5)), often_with="crack")
DEAD = Choice("dead cell", "missing_part", 0.1, Brush(strength=(0.6, 0.9)), alone=True)
CHOICES = (CRACK, REGION, DEAD)


def test_a_defect_has_the_place_the_size_and_the_strength_of_the_change() -> None:
    extent = np.zeros((100, 200), np.float32)
    extent[20:40, 150:170] = 0.4
    defect = as_defect("stain", "spot", extent)
    assert defect is not None
    assert (defect.kind, defect.shape) == ("stain", "spot")
    assert (defect.x, defect.y, defect.size) == pytest.approx((0.8, 0.3, 0.1))
    assert defect.strength == pytest.approx(0.4)
    assert as_defect("stain", "spot", np.zeros((10, 10), np.float32)) is None


def test_patches_cover_the_defect_and_no_other_place_also_where_the_picture_is_no_multiple_of_a_patch() -> None:
    extent = np.zeros((50, 70), np.float32)
    extent[33:50, 0:16] = 0.5
    patches = covered_patches(extent, 0.5, 16)
    assert patches.shape == (4, 5)
    assert patches.nonzero()[0].tolist() == [2, 3]
    assert patches.nonzero()[1].tolist() == [0, 0]


def test_painted_defects_are_seen_where_they_are_said_to_be() -> None:
    for seed in range(30):
        painted = paint(EVEN, np.random.default_rng(seed), CHOICES, patch_px=16)
        darker = (EVEN - painted.pixels).reshape(10, 16, 14, 16).max((1, 3)) > 0.02
        assert painted.patch_kinds.shape == (10, 14)
        assert darker[painted.patch_kinds > 0].all()
        assert {CHOICES[index - 1].name for index in np.unique(painted.patch_kinds) if index} <= {one.kind for one in painted.defects}
        for defect in painted.defects:
            assert 0 < defect.x < 1
            assert 0 < defect.y < 1
            assert 0 < defect.size <= 1
            assert defect.strength >= 0.06


def test_kinds_come_as_often_and_together_as_the_choices_say() -> None:
    painted = [paint(EVEN, np.random.default_rng(seed), CHOICES, patch_px=16).defects for seed in range(300)]
    pictures = [defects for defects in painted if defects]
    assert len(pictures) >= 295
    first = Counter(defects[0].kind for defects in pictures)
    assert 110 <= first["crack"] <= 190
    assert 10 <= first["dead cell"] <= 60
    assert all(len(defects) == 1 for defects in pictures if defects[0].kind == "dead cell")
    cracked = [defects for defects in pictures if defects[0].kind == "crack"]
    assert {sum(defect.kind == "crack" for defect in defects) for defects in cracked} == {1, 2, 3, 4}
    beside = [any(defect.kind == "crack" for defect in defects) for defects in pictures if defects[0].kind == "dark area"]
    assert 0.15 <= float(np.mean(beside)) <= 0.5


def test_what_cannot_be_seen_is_left_out() -> None:
    faint = Choice("crack", "straight_line", brush=Brush(strength=(0.1, 0.12), size=(0.3, 0.6)))
    assert any(paint(EVEN, np.random.default_rng(seed), [faint], patch_px=16).defects for seed in range(5))
    for seed in range(5):
        hidden = paint(EVEN, np.random.default_rng(seed), [faint], patch_px=16, grain=0.1)
        black = paint(np.zeros_like(EVEN), np.random.default_rng(seed), CHOICES, patch_px=16)
        assert hidden.defects == black.defects == ()
        assert hidden.patch_kinds.max() == black.patch_kinds.max() == 0
        assert np.array_equal(hidden.pixels, EVEN)


def test_a_change_that_the_camera_clips_has_no_visible_extent() -> None:
    before = np.array([[1.0, 0.5]], np.float32)
    change = Change(np.array([[1.4, 0.7]], np.float32), np.array([[0.4, 0.4]], np.float32), "spot")
    np.testing.assert_allclose(visible_extent(before, change), [[0, 0.4]], atol=1e-6)


def test_colour_is_painted_and_the_picture_stays() -> None:
    picture = np.random.default_rng(1).uniform(0.3, 0.7, (70, 90, 3)).astype(np.float32)
    before = picture.copy()
    painted = paint(picture, np.random.default_rng(2), CHOICES, patch_px=16)
    assert painted.pixels.shape == picture.shape
    assert painted.patch_kinds.shape == (5, 6)
    assert np.array_equal(picture, before)
    assert Scene(painted.defects).kind in {choice.name for choice in CHOICES}
