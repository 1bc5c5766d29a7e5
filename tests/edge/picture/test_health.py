from __future__ import annotations

import numpy as np
import pytest

from edge.picture.health import HealthCheck
from edge.records import Pixels, Reason
from firmware_config.station import Picture
from tests.support.picture_files import gradient
from tests.support.sample_records import frame
from tests.support.tiny_bundle import is_one_sentence


def trouble(pixels: Pixels, **settings: object) -> Reason | None:
    found = HealthCheck(Picture.model_validate(settings)).trouble(frame(pixels=pixels))
    if found is None:
        return None
    assert is_one_sentence(found[1])
    return found[0]


def flat(level: int, side: int = 64) -> Pixels:
    return np.full((side, side, 3), level, np.uint8)


def test_a_healthy_picture_passes() -> None:
    assert trouble(gradient()) is None


@pytest.mark.parametrize("level", [0, 128, 254])
def test_a_flat_picture_is_blank(level: int) -> None:
    assert trouble(flat(level)) is Reason.BLANK


def test_a_few_hot_pixels_make_no_picture() -> None:
    dark = flat(3)
    dark[5, 5] = dark[40, 9] = 255

    assert trouble(dark) is Reason.BLANK


def test_a_large_flat_picture_is_blank_too() -> None:
    assert trouble(flat(9, side=1500)) is Reason.BLANK


def test_a_picture_of_low_contrast_passes_where_the_station_says_so() -> None:
    faint = flat(100)
    faint[::2] += 3

    assert trouble(faint, blank_spread=2.0) is None
    assert trouble(faint, blank_spread=5.0) is Reason.BLANK


@pytest.mark.parametrize("wanted", [{"width": 65}, {"height": 47}, {"width": 48, "height": 64}])
def test_a_picture_of_another_size_is_refused(wanted: dict[str, int]) -> None:
    assert trouble(gradient(48, 64), **wanted) is Reason.WRONG_SIZE


def test_a_picture_of_the_right_size_passes() -> None:
    assert trouble(gradient(48, 64), width=64, height=48) is None


def test_a_picture_that_is_too_small_is_refused() -> None:
    assert trouble(gradient(31, 200)) is Reason.WRONG_SIZE
    assert trouble(gradient(32, 200)) is None


def test_identical_pictures_are_frozen_from_the_given_number_on() -> None:
    gate = HealthCheck(Picture(frozen_after=3))

    found = [gate.trouble(frame()) for _ in range(4)]

    assert [reason and reason[0] for reason in found] == [None, None, Reason.FROZEN, Reason.FROZEN]


def test_one_changed_pixel_thaws_a_camera() -> None:
    gate = HealthCheck(Picture(frozen_after=2))
    moved = gradient()
    moved[0, 0, 0] ^= 1

    found = [gate.trouble(frame(pixels=pixels)) for pixels in (gradient(), gradient(), moved)]

    assert [reason and reason[0] for reason in found] == [None, Reason.FROZEN, None]


def test_without_a_number_nothing_is_frozen() -> None:
    gate = HealthCheck(Picture())

    assert all(gate.trouble(frame()) is None for _ in range(10))
