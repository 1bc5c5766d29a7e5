"""Measures of light, contrast and focus, and what they do not depend on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.picture.exposure import measure
from edge.records import Pixels


def textured(side: int = 300, *, seed: int = 0) -> Pixels:
    """Detail of every size from one pixel on, and a little noise, as a surface in focus has; uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    surface = np.zeros((side, side))
    for sigma in (0.7, 1.5, 3, 6, 12):
        layer = cv2.GaussianBlur(rng.normal(0, 1, (side, side)), (0, 0), sigma)
        surface += layer / layer.std() * sigma**0.5
    grey = 128 + surface / surface.std() * 25
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def changed(pixels: Pixels, *, sigma: float = 0, noise: float = 0, factor: float = 1) -> Pixels:
    """Blurred, then darkened, then with the noise of a sensor."""
    plane = pixels[:, :, 0].astype(np.float64)
    focused = np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma)) if sigma else plane
    grey = focused * factor + np.random.default_rng(1).normal(0, noise, plane.shape)
    return np.repeat(np.clip(grey.round(), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def sharpness(pixels: Pixels) -> float:
    found = measure(pixels).sharpness
    assert found is not None
    return found


def test_each_step_out_of_focus_lowers_the_sharpness() -> None:
    values = [sharpness(changed(textured(), sigma=sigma)) for sigma in (0, 1, 2, 4)]

    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0] / 4


@pytest.mark.parametrize("sigma", [2, 4])
def test_the_noise_of_a_sensor_does_not_hide_that_a_picture_is_out_of_focus(sigma: float) -> None:
    in_focus, blurred = (sharpness(changed(textured(), sigma=s, noise=2)) for s in (0, sigma))

    assert blurred < in_focus / 2


def test_sharpness_depends_on_neither_light_nor_contrast() -> None:
    bright, dark = sharpness(textured()), sharpness(changed(textured(), factor=0.6))

    assert dark == pytest.approx(bright, rel=0.05)


def test_a_large_picture_is_as_sharp_as_its_parts() -> None:
    part = textured(256)

    assert sharpness(np.tile(part, (4, 4, 1))) == pytest.approx(sharpness(part), rel=0.25)


def test_the_sharpness_of_a_small_picture_is_unknown() -> None:
    assert measure(textured(63)).sharpness is None
    assert measure(textured(64)).sharpness is not None


@pytest.mark.parametrize(("shape"), [(64, 2000), (2000, 64), (513, 514), (300, 301)])
def test_a_picture_of_any_shape_is_measured(shape: tuple[int, int]) -> None:
    pixels = np.repeat(np.random.default_rng(0).integers(0, 256, (*shape, 1), np.uint8), 3, axis=2)

    assert measure(pixels).sharpness is not None


def test_clipped_counts_pixels_with_one_channel_at_full_white() -> None:
    pixels = np.full((100, 100, 3), 100, np.uint8)
    pixels[:25, :, 2] = 255

    assert measure(pixels).clipped == pytest.approx(0.25)


def test_light_and_spread_leave_out_hot_pixels() -> None:
    pixels = np.full((100, 100, 3), 40, np.uint8)
    pixels[:50] = 60
    pixels[0, :50] = 255

    found = measure(pixels)

    assert (found.light, found.spread) == (60, 20)
