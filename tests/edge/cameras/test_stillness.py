"""A camera is frozen when the noise of its sensor is gone, and nothing moves; what is not known is not flagged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.stillness import BLOCKS, MIN_FLOOR, WINDOW_S, Stillness

FPS = 15.0
LEARN = int((BLOCKS + 2) * WINDOW_S * FPS)
Picture = NDArray[np.uint8]


class Feed:
    """Pictures with noise as they come to `Stillness`, and how often it said frozen."""

    def __init__(self, *, floor: float | None = None) -> None:
        self.stillness = Stillness(floor=floor)
        self._random = np.random.default_rng(7)
        self._part = self._random.integers(60, 180, (96, 128, 3)).astype(np.float32)
        self._number = 0

    def noisy(self, sigma: float) -> Iterator[Picture]:
        while True:
            yield np.clip(np.rint(self._part + self._random.normal(0, sigma, self._part.shape)), 0, 255).astype(np.uint8)

    def give(self, pictures: Iterator[Picture], count: int) -> list[bool]:
        said = []
        for _ in range(count):
            said.append(self.stillness.see(next(pictures), self._number / FPS))
            self._number += 1
        return said


def nearly_same(picture: Picture) -> Iterator[Picture]:
    """One picture as an encoder gives it again and again: a few pixels differ, and all of them in a key frame each second."""
    random = np.random.default_rng(3)
    number = 0
    while True:
        number += 1
        anew = picture.copy()
        anew[random.random(picture.shape[:2]) < (0.5 if number % 15 == 0 else 0.02)] += 1
        yield anew


@pytest.mark.parametrize("sigma", [0.7, 2.0, 5.0])
def test_a_frozen_picture_that_is_encoded_anew_is_flagged_within_two_seconds_and_stays_flagged(sigma: float) -> None:
    feed = Feed()
    live = feed.noisy(sigma)

    assert not any(feed.give(live, LEARN))
    said = feed.give(nearly_same(next(live)), 150)

    assert said.index(True) / FPS < 2.0
    assert all(said[said.index(True) :])


def test_a_live_camera_is_not_flagged_however_still_its_scene_is() -> None:
    feed = Feed()

    assert not any(feed.give(feed.noisy(1.0), 2_000))


def test_a_camera_that_lives_again_is_believed() -> None:
    feed = Feed()
    live = feed.noisy(2.0)
    feed.give(live, LEARN)
    feed.give(nearly_same(next(live)), 60)

    assert not any(feed.give(live, 60)[30:])


def test_a_camera_that_sends_each_picture_twice_is_live() -> None:
    feed = Feed()
    twice = (picture for picture in feed.noisy(2.0) for _ in range(2))

    assert not any(feed.give(twice, 3 * LEARN))


def test_nothing_is_flagged_before_the_noise_is_known() -> None:
    feed = Feed()
    picture = next(feed.noisy(2.0))

    assert not any(feed.give(nearly_same(picture), LEARN // 2))
    assert feed.stillness.floor is None


def test_where_live_pictures_have_no_noise_nothing_is_flagged_and_the_floor_says_so() -> None:
    feed = Feed()
    picture = next(feed.noisy(2.0))
    same = nearly_same(picture)

    assert not any(feed.give((picture for _ in iter(int, 1)), LEARN))
    assert not any(feed.give(same, 100))
    assert feed.stillness.floor is not None
    assert feed.stillness.floor < MIN_FLOOR


def test_what_is_known_from_before_counts_at_once() -> None:
    feed = Feed(floor=1.0)
    same = nearly_same(next(feed.noisy(2.0)))

    assert feed.give(same, 60)[-1]


def test_a_part_that_moves_is_life_although_its_encoder_leaves_no_noise() -> None:
    feed = Feed(floor=1.0)
    picture = next(feed.noisy(2.0))

    def moving() -> Iterator[Picture]:
        number = 0
        while True:
            number += 1
            shown = picture.copy()
            shown[40:60, number * 4 % 100 : number * 4 % 100 + 20] = 250
            yield shown

    assert not any(feed.give(moving(), 120))


@pytest.mark.parametrize("frozen", [True, False])
def test_after_a_missing_picture_what_was_so_stays_so_until_enough_came(frozen: bool) -> None:  # noqa: FBT001
    feed = Feed(floor=1.0)
    live = feed.noisy(2.0)
    same = nearly_same(next(live))
    feed.give(same if frozen else live, 60)

    feed.stillness.skip()

    assert feed.give(same, 10) == [frozen] * 10
