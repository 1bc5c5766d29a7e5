"""Changes of capture do what their units say, the same each time, and refuse a level that says nothing."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import pytest

from edge.records import Pixels
from export.errors import SpecError
from export.evaluation.conditions import RANGES, changed, motion_kernel
from export.findings.comparison import Condition, ConditionKind

KINDS: tuple[ConditionKind, ...] = get_args(ConditionKind)
TYPICAL: dict[ConditionKind, float] = {"exposure": 1.3, "defocus": 2.0, "noise": 8.0, "motion": 7.0, "jpeg": 20.0}
NEUTRAL: dict[ConditionKind, float] = {"exposure": 1.0, "defocus": 0.0, "noise": 0.0, "motion": 0.0}


def grey(level: int, shape: tuple[int, int] = (64, 80)) -> Pixels:
    return np.full((*shape, 3), level, np.uint8)


def textured(*, colour: bool = False) -> Pixels:
    rng = np.random.default_rng(1)
    small = rng.integers(30, 220, (16, 20, 3 if colour else 1)).astype(np.uint8)
    return np.asarray(np.broadcast_to(cv2.resize(small, (80, 64)).reshape(64, 80, -1), (64, 80, 3)), np.uint8).copy()


def spot() -> Pixels:
    """A point of light on black: what becomes of it is the blur."""
    pixels = grey(0, (101, 101))
    pixels[50, 50] = 255
    return pixels


def spread_px(pixels: Pixels, axis: int) -> float:
    """The deviation of the light along an axis."""
    light = pixels[:, :, 0].astype(np.float64).sum(1 - axis)
    places = np.arange(len(light))
    middle = (light * places).sum() / light.sum()
    return float(np.sqrt((light * (places - middle) ** 2).sum() / light.sum()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [textured(), textured(colour=True)], ids=["grey", "colour"])
def test_the_same_seed_changes_a_picture_in_the_same_way(kind: ConditionKind, before: Pixels) -> None:
    kept = before.copy()
    condition = Condition(kind=kind, level=TYPICAL[kind])
    first, again = changed(before, condition, seed=3), changed(before, condition, seed=3)
    assert np.array_equal(first, again)
    assert first.dtype == np.uint8
    assert first.shape == before.shape
    assert not np.array_equal(first, before)
    assert np.array_equal(before, kept)


@pytest.mark.parametrize("kind", ["noise", "motion"])
def test_another_seed_gives_other_noise_and_another_direction(kind: ConditionKind) -> None:
    condition = Condition(kind=kind, level=TYPICAL[kind])
    assert not np.array_equal(changed(textured(), condition, seed=1), changed(textured(), condition, seed=2))


@pytest.mark.parametrize("kind", NEUTRAL)
def test_a_level_that_is_none_changes_nothing(kind: ConditionKind) -> None:
    before = textured(colour=True)
    assert np.array_equal(changed(before, Condition(kind=kind, level=NEUTRAL[kind]), seed=1), before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_grey_picture_stays_grey(kind: ConditionKind) -> None:
    after = changed(textured(), Condition(kind=kind, level=TYPICAL[kind]), seed=1)
    assert (np.ptp(after.astype(int), axis=2) == 0).all()


@pytest.mark.parametrize(("gain", "level"), [(0.5, 50), (1.5, 150), (3.0, 255)])
def test_exposure_multiplies_grey_levels_and_stops_at_white(gain: float, level: int) -> None:
    assert (changed(grey(100), Condition(kind="exposure", level=gain), seed=1) == level).all()


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_defocus_spreads_a_point_by_its_sigma(sigma: float) -> None:
    after = changed(
        np.where(cv2.dilate(spot(), np.ones((9, 9))) > 0, np.uint8(255), np.uint8(0)), Condition(kind="defocus", level=sigma), seed=1
    )
    square = np.sqrt((9**2 - 1) / 12)
    assert spread_px(after, 0) == pytest.approx(np.hypot(sigma, square), rel=0.03)


def test_noise_has_the_deviation_of_its_grey_levels() -> None:
    after = changed(grey(128, (300, 300)), Condition(kind="noise", level=10), seed=1).astype(float)
    assert after.std() == pytest.approx(10, rel=0.03)
    assert after.mean() == pytest.approx(128, abs=0.2)


def test_noise_of_a_colour_camera_differs_between_channels() -> None:
    flat = grey(128)
    flat[:, :, 0] = 90
    after = changed(flat, Condition(kind="noise", level=10), seed=1).astype(float)
    assert abs(np.corrcoef(after[:, :, 0].ravel(), after[:, :, 1].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("length", [4.0, 9.0, 15.5])
@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0])
def test_motion_smears_evenly_over_its_length(length: float, degrees: float) -> None:
    kernel = motion_kernel(length, degrees=degrees).astype(np.float64)
    places = np.arange(len(kernel)) - (len(kernel) - 1) / 2
    columns, rows = kernel.sum(0) @ places**2, kernel.sum(1) @ places**2
    along = length**2 / 12
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    assert abs(columns - along * np.cos(np.radians(degrees)) ** 2) < 0.3
    assert abs(rows - along * np.sin(np.radians(degrees)) ** 2) < 0.3


def test_motion_keeps_the_light_and_moves_nothing_in_the_mean() -> None:
    after = changed(textured(), Condition(kind="motion", level=9), seed=5).astype(float)
    assert after.mean() == pytest.approx(textured().mean(), rel=0.01)


def test_a_lower_quality_of_jpeg_loses_more() -> None:
    lost = [
        np.abs(changed(textured(), Condition(kind="jpeg", level=quality), seed=1).astype(int) - textured()).mean()
        for quality in (95, 30, 5)
    ]
    assert lost[0] < lost[1] < lost[2]


@pytest.mark.parametrize(("kind", "level"), [("exposure", 0.0), ("jpeg", 0.0), ("jpeg", 101.0), ("noise", -1.0), ("motion", 201.0)])
def test_a_level_that_says_nothing_is_refused_in_one_sentence(kind: ConditionKind, level: float) -> None:
    low, high = RANGES[kind]
    with pytest.raises(SpecError, match=f"by {kind} .*: give a level from {low:g} to {high:g}"):
        changed(textured(), Condition(kind=kind, level=level), seed=1)
