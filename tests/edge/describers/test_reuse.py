from __future__ import annotations

import numpy as np
import pytest

from edge.describers.reuse import CaptionReuse, Look
from edge.records import Pixels
from firmware_config.station import Reuse

LIMITS = Reuse(max_grey=2.0, min_cosine=0.99)
SEEN = np.array([1.0, 0.0], np.float32)
CAPTIONS = ("a solar cell",)


def cell(seed: int = 0, *, side: int = 300) -> Pixels:
    rng = np.random.default_rng(seed)
    return rng.normal(120, 3, (side, side, 1)).repeat(3, axis=2).clip(0, 255).astype(np.uint8)


def at_angle(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def captioned(pixels: Pixels, limits: Reuse | None = LIMITS) -> CaptionReuse:
    gate = CaptionReuse(limits)
    gate.keep(Look.at(pixels, SEEN), CAPTIONS)
    return gate


def test_the_first_picture_is_captioned() -> None:
    assert CaptionReuse(LIMITS).recall(Look.at(cell(), SEEN)) is None


def test_while_only_noise_changes_the_captions_stand() -> None:
    gate = captioned(cell())
    assert [gate.recall(Look.at(cell(seed), SEEN)) for seed in range(1, 20)] == [CAPTIONS] * 19


def test_without_limits_nothing_is_reused() -> None:
    assert captioned(cell(), None).recall(Look.at(cell(), SEEN)) is None


@pytest.mark.parametrize("x", range(0, 296, 37))
@pytest.mark.parametrize("y", [0, 111, 151, 292])
def test_a_small_change_anywhere_ends_the_reuse(x: int, y: int) -> None:
    changed = cell(1)
    changed[y : y + 8, x : x + 8] //= 2
    assert captioned(cell()).recall(Look.at(changed, SEEN)) is None


def test_a_crack_of_one_pixel_ends_the_reuse() -> None:
    cracked = cell(1)
    np.einsum("iij->ij", cracked)[40:260] = 40
    assert captioned(cell()).recall(Look.at(cracked, SEEN)) is None


def test_what_clip_sees_differently_is_captioned() -> None:
    gate = captioned(cell())
    assert gate.recall(Look.at(cell(), at_angle(7))) == CAPTIONS
    assert gate.recall(Look.at(cell(), at_angle(9))) is None


def test_after_a_flash_the_captions_of_the_flash_do_not_stand() -> None:
    gate = captioned(cell())
    flash = Look.at(np.full((300, 300, 3), 255, np.uint8), SEEN)
    assert gate.recall(flash) is None
    gate.keep(flash, ("a white square",))
    assert gate.recall(Look.at(cell(), SEEN)) is None


def test_a_slow_change_ends_the_reuse_though_each_step_is_small() -> None:
    gate = captioned(cell())
    answers = [gate.recall(Look.at(np.clip(cell() + step * 0.25, 0, 255).astype(np.uint8), SEEN)) for step in range(40)]
    assert answers[0] == CAPTIONS
    assert answers[-1] is None


def test_a_picture_of_another_size_is_captioned() -> None:
    assert captioned(cell()).recall(Look.at(cell(side=320), SEEN)) is None


def test_what_is_not_finite_is_captioned() -> None:
    assert captioned(cell()).recall(Look.at(cell(), np.array([np.nan, 0.0], np.float32))) is None
