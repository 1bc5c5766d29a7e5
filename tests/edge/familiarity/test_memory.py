"""A memory tells known pictures from others, and says the same after it was written and read."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import EdgeError, FamiliarityError
from edge.familiarity.file import read_memory, write_memory
from edge.familiarity.learn import MIN_PICTURES, Learned, learn
from edge.familiarity.memory import Memory
from edge.measures.learn import learn_measures
from edge.measures.measures import Measures, measured_words
from firmware_config.digest import digest_of_values
from firmware_config.measuring import MEASURES
from tests.support.rendered_parts import plate, plates, spot
from tests.support.tiny_bundle import is_one_sentence

FEATURES = 40
GRAPH = "sha256:" + "7" * 64
ROI = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0))


def pictures(count: int, *, at: float = 0.0, seed: int = 0) -> np.ndarray:
    """Features of pictures of one kind, (count, FEATURES): they differ along three directions and a little in all; `at` moves the kind."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(0, 1, (3, FEATURES))
    return rng.normal(0, 1, (count, 3)) @ directions + rng.normal(0, 0.1, (count, FEATURES)) + at


def learned(count: int = 120, *, false_alarm: float = 0.01, empty_at: float = 3.0) -> Learned:
    return learn(pictures(count), np.ones(count, bool), pictures(40, at=empty_at, seed=5), false_alarm=false_alarm)


def written(path: Path, **changes: object) -> Path:
    found = learned()
    write_memory(path, found, graph=GRAPH, roi=ROI, good=120, false_alarm=0.01, made_at=datetime(2026, 5, 4, tzinfo=timezone.utc))
    if changes:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


@cache
def measures() -> Measures:
    return learn_measures(plates(40), [True] * 40)


def measuring(path: Path) -> Path:
    """A memory file with measures of plates."""
    moment = datetime(2026, 5, 4, tzinfo=timezone.utc)
    write_memory(path, learned(), graph=GRAPH, roi=ROI, good=120, false_alarm=0.01, made_at=moment, measures=measures())
    return path


def memory(tmp_path: Path) -> Memory:
    return read_memory(written(tmp_path / "memory.json"), roi=ROI)


def test_new_pictures_of_a_known_kind_are_known_and_empty_scenes_are_unfamiliar(tmp_path: Path) -> None:
    known = memory(tmp_path)

    same = [known.familiarity(one.astype(np.float32)).degree for one in pictures(100, seed=1)]
    empty = [known.familiarity(one.astype(np.float32)).degree for one in pictures(100, at=3.0, seed=2)]

    assert same.count("known") >= 95
    assert set(empty) == {"unfamiliar"}


def test_a_kind_between_known_pictures_and_empty_scenes_is_a_new_condition(tmp_path: Path) -> None:
    between = [memory(tmp_path).familiarity(one.astype(np.float32)).degree for one in pictures(50, at=0.5, seed=3)]

    assert set(between) == {"new_condition"}


def test_the_share_of_false_alarms_is_the_one_that_was_asked_for() -> None:
    found = learned(400, false_alarm=0.05)

    assert np.mean(found.left_out > found.new_condition) <= 0.05
    assert np.mean(found.left_out > found.new_condition) > 0.02


def test_features_that_are_not_finite_are_unfamiliar(tmp_path: Path) -> None:
    assert memory(tmp_path).familiarity(np.full(FEATURES, np.nan, np.float32)).degree == "unfamiliar"


def test_known_pictures_that_are_as_scattered_as_empty_scenes_are_told() -> None:
    found = learned(empty_at=0.1)

    assert not found.tells_apart
    assert learned().tells_apart


def test_few_good_pictures_are_refused() -> None:
    few = MIN_PICTURES - 1

    with pytest.raises(EdgeError) as raised:
        learn(pictures(60), np.arange(60) < few, pictures(5, at=3), false_alarm=0.01)

    assert f"{few} good pictures" in str(raised.value)
    assert is_one_sentence(str(raised.value))


def test_a_memory_says_the_same_after_it_was_written_and_read(tmp_path: Path) -> None:
    found, known = learned(), memory(tmp_path)
    some = pictures(5, at=0.3, seed=4)

    distances = [known.familiarity(one.astype(np.float32)).distance for one in some]

    assert distances == pytest.approx(found.subspace.distances(some), rel=1e-3)
    assert known.graph == GRAPH
    assert known.familiarity(some[0].astype(np.float32)).memory == known.digest


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mean": "AAAA"}, "an array has 3 bytes"),
        ({"mean": "not base64!"}, "not base64"),
        ({"schema": "kotoba.memory/9"}, "schema"),
        ({"rest": 0}, "rest"),
        ({"unfamiliar": float("nan")}, "it holds NaN"),
        ({"features": 39}, "bytes, expected"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_memory_file_that_is_wrong_is_refused_in_one_sentence(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = written(tmp_path / "memory.json", **changes)

    with pytest.raises(FamiliarityError) as raised:
        read_memory(path, roi=ROI)

    assert said in str(raised.value)
    assert is_one_sentence(str(raised.value))


def test_a_number_that_is_not_finite_inside_an_array_is_refused(tmp_path: Path) -> None:
    count = json.loads(written(tmp_path / "memory.json").read_text())["components"]
    path = written(tmp_path / "memory.json", variances=base64.b64encode(np.full(count, np.nan, "<f4").tobytes()).decode())

    with pytest.raises(FamiliarityError, match="not finite"):
        read_memory(path, roi=ROI)


def test_measures_give_the_same_words_after_they_were_written_and_read(tmp_path: Path) -> None:
    learned_ones = measures()
    pictures_of_parts = [plate(number, spot(0.3, 0.3, by=-4.0 * (number % 20))) for number in range(500, 560)]

    known = read_memory(measuring(tmp_path / "memory.json"), roi=ROI)

    assert known.can_measure
    assert [known.measured_words(one, MEASURES) for one in pictures_of_parts] == [
        measured_words(one, learned_ones) for one in pictures_of_parts
    ]


def test_a_memory_from_before_there_were_measures_is_read_as_ever(tmp_path: Path) -> None:
    path = written(tmp_path / "memory.json")
    old = json.loads(path.read_text())
    assert old.pop("measures") is None
    (tmp_path / "old.json").write_text(json.dumps(old))

    known = read_memory(tmp_path / "old.json", roi=ROI)

    assert not known.can_measure
    assert known.measured_words(plate(500), MEASURES) == ()
    assert known.digest == digest_of_values(old)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pictures": "AAAA"}, "an array has 3 bytes"),
        ({"spread": "not base64!"}, "not base64"),
        ({"count": 257}, "measures.count"),
        ({"height": 81}, "measures.height"),
        ({"width": 79}, "bytes, expected"),
        ({"references": {}}, "'brighter' is missing or unknown"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_measures_that_are_wrong_are_refused_in_one_sentence(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    file = json.loads(measuring(tmp_path / "memory.json").read_text())
    file["measures"] |= changes
    (tmp_path / "wrong.json").write_text(json.dumps(file))

    with pytest.raises(FamiliarityError) as raised:
        read_memory(tmp_path / "wrong.json", roi=ROI)

    assert said in str(raised.value)
    assert is_one_sentence(str(raised.value))


def test_steps_without_a_width_are_refused(tmp_path: Path) -> None:
    file = json.loads(measuring(tmp_path / "memory.json").read_text())
    file["measures"]["references"]["darker"] |= {"slight": 3.0, "limit": 3.0}
    (tmp_path / "wrong.json").write_text(json.dumps(file))

    with pytest.raises(FamiliarityError, match="limit 3 must be more than slight 3"):
        read_memory(tmp_path / "wrong.json", roi=ROI)


def test_a_memory_of_another_region_of_interest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FamiliarityError, match="another region of interest"):
        read_memory(written(tmp_path / "memory.json"), roi=None)


def test_a_memory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FamiliarityError, match=r"cannot be read \(No such file"):
        read_memory(tmp_path / "memory.json", roi=None)
