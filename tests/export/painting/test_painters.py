from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from export.errors import ExportError
from export.painting.defects import as_defect
from export.painting.kinds import DEFECT_PAINTERS, HARMLESS_PAINTERS, USUAL_BRUSHES
from export.painting.scene import Brush, Image

PAINTERS = {**DEFECT_PAINTERS, **HARMLESS_PAINTERS}
TEXTURE = tuple(name for name in DEFECT_PAINTERS if name.startswith(("patch_", "whole_")) or name.endswith("_thread"))
GEOMETRY = tuple(name for name in DEFECT_PAINTERS if name.endswith("_component"))
TONE = tuple(name for name in DEFECT_PAINTERS if name not in TEXTURE + GEOMETRY)
SIZED = ("straight_line", "branched_line", "wavy_line", "scratch", "blob", "ragged_spot", "printed_characters", *TEXTURE[:5])
SHAPES = ((96, 96), (72, 130), (130, 72, 3))


def surface(shape: tuple[int, ...], seed: int) -> Image:
    """A surface with fine grain, 0.3..0.7."""
    rng = np.random.default_rng(seed)
    noise = np.asarray(cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 1.0))
    return np.asarray(np.clip(0.5 + 0.08 * noise / noise.std(), 0.3, 0.7), np.float32)


def brush_for(name: str, shape: tuple[int, ...]) -> Brush:
    masks = []
    for left in (10, 40):
        mask = np.zeros(shape[:2], bool)
        mask[20:36, left : left + 16] = True
        masks.append(mask)
    return replace(USUAL_BRUSHES[name], masks=masks, others=[surface(shape, 99)])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", PAINTERS)
def test_a_painter_changes_only_where_its_extent_says(name: str, shape: tuple[int, ...]) -> None:
    brush, painted = brush_for(name, shape), 0
    for seed in range(4):
        picture = surface(shape, seed)
        before = picture.copy()
        change = PAINTERS[name](picture, np.random.default_rng(seed), brush)
        assert np.array_equal(picture, before)
        assert change.pixels.shape == shape
        assert change.extent.shape == shape[:2]
        assert change.pixels.dtype == change.extent.dtype == np.float32
        assert 0 <= change.extent.min() <= change.extent.max() <= 1 + 1e-6
        assert 0 <= change.pixels.min() <= change.pixels.max() <= 2
        assert np.abs(change.pixels - before)[change.extent == 0].max(initial=0) < 1e-6
        painted += bool(np.abs(change.pixels - before)[change.extent > 0].max(initial=0) > 0.01)
    assert painted >= 3


@pytest.mark.parametrize("name", PAINTERS)
def test_the_same_seed_paints_the_same(name: str) -> None:
    picture, brush = surface((60, 80), 1), brush_for(name, (60, 80))
    first, second = (PAINTERS[name](picture, np.random.default_rng(7), brush) for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert first.shape == second.shape


@pytest.mark.parametrize("name", TONE)
def test_tone_changes_by_a_share_that_the_brush_allows_in_its_direction(name: str) -> None:
    brush = replace(USUAL_BRUSHES[name], strength=(0.3, 0.5))
    even = np.full((80, 110), 0.4, np.float32)
    for seed in range(6):
        darker = PAINTERS[name](even, np.random.default_rng(seed), replace(brush, direction="darker"))
        brighter = PAINTERS[name](even, np.random.default_rng(seed), replace(brush, direction="brighter"))
        np.testing.assert_allclose(1 - darker.pixels / even, darker.extent, atol=1e-5)
        np.testing.assert_allclose(brighter.pixels / even - 1, brighter.extent, atol=1e-5)
        assert 0.3 - 1e-5 <= darker.extent.max() <= 0.5 + 1e-5


@pytest.mark.parametrize("name", TEXTURE)
def test_texture_changes_no_more_than_the_brush_allows_and_more_with_more_strength(name: str) -> None:
    picture = surface((100, 140), 3)
    weak: list[float] = []
    strong: list[float] = []
    for seed in range(8):
        for changes, strength in ((weak, 0.2), (strong, 0.8)):
            brush = replace(brush_for(name, (100, 140)), strength=(strength, strength))
            change = PAINTERS[name](picture, np.random.default_rng(seed), brush)
            assert change.extent.max() <= strength + 1e-6
            changes.append(float(np.abs(change.pixels - picture).sum()))
    assert sum(weak) > 0
    assert sum(strong) > 1.5 * sum(weak) or name == "whole_scale"  # another scale leaves no pixel as it was, however little it differs


@pytest.mark.parametrize("name", SIZED)
def test_a_defect_is_no_longer_than_the_brush_allows(name: str) -> None:
    sizes = []
    for seed in range(12):
        brush = replace(brush_for(name, (160, 200)), size=(0.2, 0.3), width=(0.005, 0.01))
        change = PAINTERS[name](surface((160, 200), seed), np.random.default_rng(seed), brush)
        defect = as_defect(name, change.shape, change.extent)
        sizes.append(defect.size if defect else 0.0)
    assert max(sizes) <= 0.3 * 1.35  # a branch may stand out, a soft border adds a pixel
    assert max(sizes) >= 0.1


def test_whole_scale_makes_the_structure_finer_or_coarser_by_the_strength() -> None:
    rows = np.arange(128, dtype=np.float32)
    grating = np.repeat((0.5 + 0.3 * np.sin(2 * np.pi * rows / 16))[None], 128, 0).astype(np.float32)
    for seed in range(6):
        change = PAINTERS["whole_scale"](grating, np.random.default_rng(seed), Brush(strength=(1, 1)))
        crossings = np.abs(np.diff((change.pixels[64] > 0.5).astype(int))).sum()
        expected = 16 / (0.7 if change.shape == "finer" else 1.4)
        assert abs(crossings - expected) <= 2


def test_a_missing_component_leaves_what_surrounds_it_or_a_hole_or_pads() -> None:
    brush, picture = brush_for("missing_component", (96, 96)), surface((96, 96), 2)
    for mask in brush.masks:
        picture[mask] = 0.95
    gone, other = brush.masks
    levels = []
    for seed in range(20):
        change = PAINTERS["missing_component"](picture, np.random.default_rng(seed), replace(brush, masks=brush.masks[:1]))
        assert change.extent[gone].mean() > 0.6
        assert np.array_equal(change.pixels[other], picture[other])
        levels.append(np.quantile(change.pixels[gone], (0.02, 0.5, 0.98)))
    darkest, middle, brightest = np.array(levels).T
    empty = (darkest > 0.3) & (brightest < 0.7)
    assert 4 <= empty.sum() <= 14
    assert np.abs(middle[empty] - 0.5).max() < 0.08
    assert (darkest < 0.25).any()
    assert (brightest > 0.75).any()


def test_another_component_has_other_colours_or_another_size() -> None:
    mask = np.zeros((120, 120), bool)
    mask[48:72, 40:80] = True
    picture = np.where(mask[..., None], np.array([0.2, 0.5, 0.6], np.float32), np.float32(0.35))
    recoloured, sizes = 0, []
    for seed in range(20):
        change = PAINTERS["other_component"](picture, np.random.default_rng(seed), Brush(masks=[mask]))
        as_before = np.abs(change.pixels - picture[60, 60]).max(axis=2) < 0.05
        if as_before.any():
            sizes.append(as_before.sum() / mask.sum())
        else:
            recoloured += 1
            assert not change.extent[~cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)].any()
    assert 3 <= recoloured <= 14
    assert 0.3 < min(sizes) < 0.75
    assert 1.25 < max(sizes) < 2.4


def test_a_component_is_shifted_as_far_as_the_brush_says() -> None:
    mask = np.zeros((120, 120), bool)
    mask[50:66, 50:66] = True
    picture = np.where(mask, np.float32(0.9), np.float32(0.3))
    for seed in range(5):
        change = PAINTERS["shifted_component"](picture, np.random.default_rng(seed), Brush(size=(0.2, 0.2), masks=[mask]))
        ys, xs = np.nonzero(change.pixels > 0.75)
        assert abs(np.hypot(xs.mean() - 57.5, ys.mean() - 57.5) - 24) < 1
        assert change.pixels[52:64, 52:64].max() < 0.75 or np.hypot(xs.mean() - 57.5, ys.mean() - 57.5) < 23


def test_an_extra_component_stands_on_a_free_place() -> None:
    brush, picture = brush_for("extra_component", (96, 96)), np.full((96, 96), 0.3, np.float32)
    for mask in brush.masks:
        picture[mask] = 0.9
    taken = np.any(np.stack(brush.masks), axis=0)
    for seed in range(5):
        change = PAINTERS["extra_component"](picture, np.random.default_rng(seed), brush)
        added = (change.pixels > 0.6) & ~taken
        assert 200 <= added.sum() <= 320
        assert np.array_equal(change.pixels[taken], picture[taken])


@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_paints_nothing_without_masks_and_refuses_a_mask_of_another_size(name: str) -> None:
    picture = surface((50, 60), 1)
    change = PAINTERS[name](picture, np.random.default_rng(0), Brush())
    assert change.extent.max() == 0
    assert np.array_equal(change.pixels, picture)
    with pytest.raises(ExportError, match="give a bool mask of the picture's size"):
        PAINTERS[name](picture, np.random.default_rng(0), Brush(masks=[np.ones((60, 50), bool)]))


def test_every_painter_has_a_usual_brush() -> None:
    assert set(USUAL_BRUSHES) == set(PAINTERS)
    assert not set(DEFECT_PAINTERS) & set(HARMLESS_PAINTERS)
