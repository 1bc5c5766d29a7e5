from __future__ import annotations

import numpy as np
import pytest

from export.painting.conditions import Conditions, capture, draw_placement, place

STILL = Conditions(flips="none", moved_share=0.0)
NEUTRAL = Conditions(gain=(1, 1), gamma=(1, 1), blurred_share=0.0, noise=(0, 0))


def picture(shape: tuple[int, ...] = (40, 60)) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).uniform(0.1, 0.9, shape).astype(np.float32)


def test_a_product_that_must_not_be_flipped_or_resized_stays_as_it_is() -> None:
    for seed in range(10):
        assert np.array_equal(place(picture(), np.random.default_rng(seed), STILL), picture())


@pytest.mark.parametrize(("flips", "ways"), [("none", 1), ("horizontal", 2), ("vertical", 2), ("both", 4), ("turned", 2)])
def test_a_picture_is_flipped_only_as_the_product_allows(flips: str, ways: int) -> None:
    conditions = Conditions(flips=flips, moved_share=0.0)  # type: ignore[arg-type]
    placed = [place(picture(), np.random.default_rng(seed), conditions) for seed in range(30)]
    assert len({one.tobytes() for one in placed}) == ways
    if flips == "turned":
        assert all(np.array_equal(one, picture()) or np.array_equal(one, picture()[::-1, ::-1]) for one in placed)
    if flips == "horizontal":
        assert all(np.array_equal(one, picture()) or np.array_equal(one, picture()[:, ::-1]) for one in placed)


@pytest.mark.parametrize(("shape", "ways"), [((50, 50), 4), ((40, 60), 2)], ids=["square", "not square"])
def test_quarter_turns_keep_the_shape(shape: tuple[int, int], ways: int) -> None:
    conditions = Conditions(flips="none", moved_share=0.0, quarter_turns=True)
    placed = [place(picture(shape), np.random.default_rng(seed), conditions) for seed in range(40)]
    assert {one.shape for one in placed} == {shape}
    assert len({one.tobytes() for one in placed}) == ways


def test_the_mask_of_a_component_is_placed_with_the_picture() -> None:
    conditions = Conditions(moved_share=1.0, shift_px=5, rotation_degrees=10)
    mask = np.zeros((60, 80), bool)
    mask[10:30, 15:45] = True
    for seed in range(10):
        placement = draw_placement(mask.shape, np.random.default_rng(seed), conditions)
        placed, moved = placement.move(mask.astype(np.float32)), placement.move_mask(mask)
        assert moved.sum() > 300
        assert placed[moved].min() > 0.5
        assert placed[~moved].max() <= 0.5


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 3)], ids=["grey", "colour"])
def test_capture_keeps_the_shape_and_stays_within_its_ranges(shape: tuple[int, ...]) -> None:
    assert np.array_equal(capture(picture(shape), np.random.default_rng(0), NEUTRAL), np.round(picture(shape) * 255).astype(np.uint8))
    bright = Conditions(gain=(1.2, 1.3), gamma=(0.6, 0.7), noise=(0, 0.01))
    for seed in range(5):
        captured = capture(picture(shape), np.random.default_rng(seed), bright)
        assert captured.shape == shape
        assert captured.dtype == np.uint8
        assert captured.mean() > picture(shape).mean() * 255
