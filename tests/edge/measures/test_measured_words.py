"""Measured words say what was changed in a picture, where, and how strongly; a good picture seldom gets one."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from edge.errors import EdgeError
from edge.measures.learn import MIN_PICTURES, learn_measures
from edge.measures.measures import Measures, Reference, measured_words
from edge.records import Pixels
from edge.texts.measured import ENGLISH, STEPS, japanese_of
from tests.support.rendered_parts import Change, blurred, plate, plates, spot, turned_ribs
from tests.support.tiny_bundle import is_one_sentence

KNOWN = 80


@cache
def measures() -> Measures:
    return learn_measures(plates(KNOWN), [True] * KNOWN)


def words(pixels: Pixels) -> list[str]:
    return [one.word for one in measured_words(pixels, measures())]


def strength(change: Change, words_of: str) -> float:
    """The number behind the word with this text in it, 0 where there is none."""
    found = measured_words(plate(500, change), measures())
    return max((one.value for one in found if words_of in one.word), default=0.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda grey: grey * 0.6, "darker than usual"),
        (lambda grey: grey * 1.4, "brighter than usual"),
        (blurred, "softer than usual"),
        (lambda grey: grey.mean() + 0.3 * (grey - grey.mean()), "flatter than usual"),
        (lambda grey: grey.mean() + 2 * (grey - grey.mean()), "more contrast than usual"),
        (spot(0.15, 0.2, by=-60), "darker than similar known parts in the upper left"),
        (spot(0.5, 0.85, by=-60), "darker than similar known parts at the bottom"),
        (spot(0.85, 0.5, by=60), "brighter than similar known parts on the right"),
        (turned_ribs(0.5, 0.5), "unlike the known one in the centre"),
        (turned_ribs(0.85, 0.85), "unlike the known one in the lower right"),
        (lambda grey: np.ascontiguousarray(grey.T[:120, :].repeat(2, 1)[:, :160]), "whole texture"),
    ],
)
def test_a_change_is_said_with_its_place(change: Change, said: str) -> None:
    found = words(plate(500, change))

    assert any(said in word for word in found), found


def test_only_the_measures_that_a_station_names_are_said() -> None:
    picture = plate(500, lambda grey: blurred(grey * 0.6))

    named, every = measured_words(picture, measures(), ("darker",)), measured_words(picture, measures())

    assert [one.word.endswith("darker than usual") for one in named] == [True]
    assert set(named) < set(every)


def test_good_pictures_seldom_get_a_word_and_hardly_ever_one_that_is_not_slight() -> None:
    found = [words(one) for one in plates(200, first=1_000)]

    assert np.mean([bool(one) for one in found]) <= 0.3
    assert (
        np.mean([any(not word.startswith(("slightly", "texture slightly", "whole texture slightly")) for word in one) for one in found])
        <= 0.06
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([lambda grey, by=by: grey * by for by in (0.9, 0.75, 0.6)], "darker than usual"),
        ([spot(0.2, 0.2, by=by) for by in (-20, -40, -80)], "darker than similar"),
        ([turned_ribs(0.5, 0.5, radius_px=radius) for radius in (5, 9, 14)], "unlike the known one in the centre"),
    ],
)
def test_a_stronger_change_has_a_larger_number(changes: list[Change], said: str) -> None:
    weak, middle, strong = [strength(change, said) for change in changes]

    assert weak < middle < strong


def test_the_steps_begin_at_the_limits_and_end_at_the_last() -> None:
    reference = Reference(median=10.0, spread=2.0, slight=1.5, limit=2.5)

    steps = [reference.step(reference.spreads(value)) for value in (10.0, 12.9, 13.1, 14.9, 15.1, 17.1, 19.1, 21.1, 90.0, float("nan"))]

    assert steps == [0, 0, 1, 1, 2, 3, 4, 5, STEPS, 0]


def test_noise_of_the_sensor_seldom_changes_a_word() -> None:
    shots = [[words(plate(number, shot=shot)) for shot in (1, 2)] for number in range(2_000, 2_200)]

    assert np.mean([first != second for first, second in shots]) <= 0.03


def test_unlabelled_pictures_among_the_neighbours_hide_no_defect() -> None:
    unlabelled = [*plates(30, first=300), *plates(10, spot(0.15, 0.2, by=-60), first=400)]
    mixed = learn_measures([*plates(KNOWN), *unlabelled], [True] * KNOWN + [False] * len(unlabelled))

    found = [one.word for one in measured_words(plate(500, spot(0.5, 0.85, by=-60)), mixed)]

    assert any("darker than similar known parts at the bottom" in word for word in found), found


@pytest.mark.parametrize("shape", [(9, 7, 3), (60, 400, 3), (600, 800, 3), (1, 1, 3)])
def test_a_picture_of_another_size_is_measured_too(shape: tuple[int, int, int]) -> None:
    for grey in (0, 255):
        found = measured_words(np.full(shape, grey, np.uint8), measures())

        assert all(np.isfinite(one.value) for one in found)
        assert found


def test_the_same_picture_gets_the_same_words_and_is_not_changed() -> None:
    picture = plate(500, spot(0.2, 0.2, by=-40))
    before = picture.copy()

    assert measured_words(picture, measures()) == measured_words(picture, measures())
    assert np.array_equal(picture, before)


def test_the_fewer_measures_are_said_the_finer_is_their_first_step() -> None:
    alone = learn_measures(plates(KNOWN), [True] * KNOWN, measuring=("darker",)).references["darker"]
    among_all = measures().references["darker"]

    assert alone.slight < among_all.slight
    assert alone.limit < among_all.limit


def test_few_good_pictures_are_refused() -> None:
    few = MIN_PICTURES - 1

    with pytest.raises(EdgeError) as raised:
        learn_measures(plates(40), [number < few for number in range(40)])

    assert f"from {few} good pictures" in str(raised.value)
    assert is_one_sentence(str(raised.value))


def test_every_measured_word_has_a_japanese_of_its_own() -> None:
    found = measured_words(plate(500, spot(0.15, 0.2, by=-60)), measures())

    assert all(not japanese_of(one.word).isascii() for one in found)
    assert japanese_of("much darker than similar known parts in the upper left") == "左上が類似の既知品より非常に暗い"
    assert japanese_of("a word of the station") == "a word of the station"
    assert len(ENGLISH.measures) == 12
