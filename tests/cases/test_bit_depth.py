"""Pictures with 16 bits a value: their range is the station's matter, never that of the brightest pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from edge.picture.decode import PictureError, decode_picture
from edge.records import Pixels, Reason
from firmware_config.station import Picture
from tests.support.picture_files import defective_cells, encoded
from tests.support.tiny_bundle import is_one_sentence

Wide = NDArray[np.uint16]
(CELL,) = defective_cells(1)
DICE = np.random.default_rng(0)


def swapped(values: Wide) -> bytes:
    header = f"P6 {values.shape[1]} {values.shape[0]} 65535\n".encode()
    return header + np.dstack((values, values // 2, values // 4)).astype(">u2").tobytes()


FILES: dict[str, Callable[[Wide], bytes]] = {
    "PNG": lambda values: encoded(values, "PNG"),
    "TIFF": lambda values: encoded(values, "TIFF"),
    "TIFF with LZW": lambda values: encoded(values, "TIFF", compression="tiff_lzw"),
    "TIFF with deflate": lambda values: encoded(values, "TIFF", compression="tiff_adobe_deflate"),
    "PGM": lambda values: encoded(values, "PPM"),
}


def decoded(raw: bytes, picture: Picture) -> Pixels:
    return decode_picture(raw, name="part", max_pixels=10**7, picture=picture)


def refusal(raw: bytes, picture: Picture) -> PictureError:
    with pytest.raises(PictureError) as caught:
        decoded(raw, picture)
    assert is_one_sentence(caught.value.detail)
    assert caught.value.reason is Reason.UNSUPPORTED
    return caught.value


SCENES: dict[str, Wide] = {
    "cap on, level 100": np.clip(DICE.normal(100, 8, (300, 300)), 1, 65_535).astype(np.uint16),
    "cap on, level 20": np.clip(DICE.normal(20, 6, (300, 300)), 1, 65_535).astype(np.uint16),
    "12 bits, lit": CELL.astype(np.uint16) * 16 + 1,
    "12 bits, a sixteenth of the light": CELL.astype(np.uint16) + 1,
    "12 bits, a quarter of the light": CELL.astype(np.uint16) * 4 + 1,
    "all black": np.zeros((300, 300), np.uint16),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("scene", SCENES)
def test_without_a_depth_a_16_bit_picture_is_refused_with_what_to_set(kind: str, scene: str) -> None:
    error = refusal(FILES[kind](SCENES[scene]), Picture(allow_black_rows=True))

    assert "bit_depth" in error.detail


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("scene", SCENES)
def test_with_a_depth_a_picture_is_what_the_same_camera_gives_in_8_bits(kind: str, scene: str) -> None:
    pixels = decoded(FILES[kind](SCENES[scene]), Picture(bit_depth=12, allow_black_rows=True))

    exact = SCENES[scene] * (255 / 4095)
    assert np.abs(pixels - exact[:, :, None]).max() <= 0.5001


@pytest.mark.parametrize("kind", FILES)
def test_one_hot_pixel_changes_no_other(kind: str) -> None:
    hot = SCENES["12 bits, a quarter of the light"].copy()
    hot[5, 5] = 4095
    settings = Picture(bit_depth=12)

    with_it, without = decoded(FILES[kind](hot), settings), decoded(FILES[kind](SCENES["12 bits, a quarter of the light"]), settings)

    assert tuple(with_it[5, 5]) == (255, 255, 255)
    assert (with_it != without).any(-1).sum() == 1


@pytest.mark.parametrize("depth", range(9, 17))
def test_a_depth_ends_at_its_largest_value(depth: int) -> None:
    ramp = np.linspace(0, (1 << depth) - 1, 300 * 300).reshape(300, 300).astype(np.uint16)

    pixels = decoded(encoded(ramp, "PNG"), Picture(bit_depth=depth))

    assert (pixels.min(), pixels.max()) == (0, 255)
    assert np.abs(pixels[:, :, 0] - ramp * (255 / ((1 << depth) - 1))).max() <= 0.5001


@pytest.mark.parametrize("depth", range(9, 16))
def test_a_value_beyond_the_depth_is_refused(depth: int) -> None:
    beyond = SCENES["all black"].copy()
    beyond[7, 7] = 1 << depth

    error = refusal(encoded(beyond, "PNG"), Picture(bit_depth=depth))

    assert f"value {1 << depth}" in error.detail


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (239, 0), (240, 0), (241, 0), (2167, 127), (2168, 128), (4095, 255)])
def test_the_black_level_is_0_and_what_is_below_it_too(value: int, expected: int) -> None:
    flat = np.full((40, 40), value, np.uint16)
    flat[0, 0] = 4095

    pixels = decoded(encoded(flat, "PNG"), Picture(bit_depth=12, black_level=240))

    assert tuple(pixels[20, 20]) == (expected,) * 3


def test_every_channel_has_the_same_black_level() -> None:
    values = SCENES["12 bits, lit"]

    pixels = decoded(swapped(values), Picture(bit_depth=12, black_level=200))

    for channel, divisor in ((2, 1), (1, 2), (0, 4)):
        exact = np.clip((values // divisor).astype(float) - 200, 0, None) * (255 / (4095 - 200))
        assert np.abs(pixels[:, :, channel] - exact).max() <= 0.5001


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("depth", [9, 12, 16])
def test_a_picture_with_8_bits_is_read_as_it_is(kind: str, depth: int) -> None:
    raw = encoded(CELL, kind)

    assert np.array_equal(decoded(raw, Picture(bit_depth=depth, black_level=16)), decoded(raw, Picture()))


@pytest.mark.parametrize("largest", [1, 100, 127, 254])
def test_a_pgm_with_another_range_than_8_or_16_bits_is_refused(largest: int) -> None:
    raw = b"P5\n40 40\n%d\n" % largest + bytes([1]) * 1600

    assert f"up to {largest}" in refusal(raw, Picture()).detail


@pytest.mark.parametrize(
    "settings",
    [{"bit_depth": 8}, {"bit_depth": 17}, {"black_level": 5}, {"bit_depth": 9, "black_level": 511}, {"bit_depth": 12, "black_level": -1}],
)
def test_a_depth_or_black_level_that_cannot_be_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Picture.model_validate(settings)
