from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.picture.preprocess import MAX_GAIN, pixel_values
from firmware_config.describers import ImagePreprocess
from tests.support.picture_files import gradient

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def textured(height: int, width: int) -> NDArray[np.uint8]:
    """Make RGB, uint8 (height, width, 3), with fine detail and no black or white, because Pillow clips between its two passes."""
    noise = np.random.default_rng(7).integers(-25, 26, (height, width, 3))
    return (60 + gradient(height, width) * 0.5 + noise).astype(np.uint8)


def as_pillow(rgb: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Preprocess as the published processors do: bicubic in 8 bit, scale to 0..1, minus mean, over std."""
    resized = np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.BICUBIC), np.float32) / 255
    normalised = (resized - np.array(CLIP_MEAN, np.float32)) / np.array(CLIP_STD, np.float32)
    return np.asarray(normalised.transpose(2, 0, 1)[None], np.float32)


@pytest.mark.parametrize(
    ("height", "width", "size"), [(300, 300, 224), (480, 640, 224), (97, 61, 128), (97, 61, 100), (40, 50, 96), (224, 300, 224)]
)
def test_values_equal_those_of_pillow_up_to_its_rounding(height: int, width: int, size: int) -> None:
    rgb = textured(height, width)

    values = pixel_values(rgb[:, :, ::-1], ImagePreprocess(size=size, mean=CLIP_MEAN, std=CLIP_STD))

    # Pillow rounds to 8 bit after each of its two passes. The second pass has negative weights, so it can enlarge the error of the first.
    difference_levels = np.abs(values - as_pillow(rgb, size)) * np.array(CLIP_STD)[:, None, None] * 255
    assert difference_levels.max() <= 1.2
    assert difference_levels.mean() <= 0.4


def test_values_have_the_shape_and_dtype_that_the_graphs_take() -> None:
    values = pixel_values(textured(30, 50), ImagePreprocess(size=32, mean=CLIP_MEAN, std=CLIP_STD))

    assert values.shape == (1, 3, 32, 32)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous


def test_a_picture_of_the_right_size_is_not_resampled() -> None:
    bgr = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)

    values = pixel_values(bgr, ImagePreprocess.model_validate({"size": 32, **PLAIN}))

    assert np.array_equal(np.round(values[0] * 255).astype(np.uint8), bgr[:, :, ::-1].transpose(2, 0, 1))


def test_values_stay_in_range_at_hard_edges() -> None:
    stripes = np.zeros((90, 90, 3), np.uint8)
    stripes[:, ::7] = 255

    values = pixel_values(stripes, ImagePreprocess.model_validate({"size": 64, **PLAIN}))

    assert 0.0 <= values.min() <= values.max() <= 1.0


def test_a_flat_picture_stays_flat() -> None:
    values = pixel_values(np.full((77, 130, 3), 51, np.uint8), ImagePreprocess.model_validate({"size": 48, **PLAIN}))

    assert np.allclose(values, 0.2, atol=1e-5)


@pytest.mark.parametrize("level", [64, 100, 128, 200])
def test_the_gain_makes_the_median_one_half(level: int) -> None:
    pixels = np.full((32, 32, 3), level, np.uint8)
    pixels[:8] = 10

    values = pixel_values(pixels, ImagePreprocess.model_validate({"size": 32, "gain": "median", **PLAIN}))

    assert np.median(values) == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("level", [0, 1, 20])
def test_the_gain_leaves_a_dark_picture_dark(level: int) -> None:
    values = pixel_values(np.full((32, 32, 3), level, np.uint8), ImagePreprocess.model_validate({"size": 32, "gain": "median", **PLAIN}))

    assert np.allclose(values, level / 255 * MAX_GAIN, atol=1e-5)


def test_the_same_picture_gives_the_same_values_every_time() -> None:
    settings = ImagePreprocess(size=64, mean=CLIP_MEAN, std=CLIP_STD, gain="median")

    assert np.array_equal(pixel_values(textured(90, 70), settings), pixel_values(textured(90, 70), settings))
