from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.models.foils import ENOUGH, FEWEST, choose_foils, write_foils

WORDS = ["dark", "black", "bright", "white", "long", "short"]
ROWS = np.array([[1, 0], [0.9, 0.1], [-1, 0], [-0.9, 0.1], [0, 1], [0, -1]], np.float32)


def pictures(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((count, 2)).astype(np.float32)


def test_foils_are_the_words_that_fall_where_a_word_rises() -> None:
    foils = choose_foils(WORDS, ROWS, pictures(400))
    assert set(foils["dark"][:2]) == {"bright", "white"}
    assert foils["long"][0] == "short"
    assert "black" not in foils["dark"]


def test_every_word_has_at_least_the_fewest_and_never_itself() -> None:
    for word, against in choose_foils(WORDS, ROWS, pictures(400)).items():
        assert len(against) >= FEWEST
        assert word not in against


def test_too_few_pictures_give_no_foils() -> None:
    assert choose_foils(WORDS, ROWS, pictures(ENOUGH - 1)) == {}


def test_two_words_are_each_others_foils() -> None:
    assert choose_foils(["dark", "bright"], ROWS[[0, 2]], pictures(50)) == {"dark": ["bright"], "bright": ["dark"]}


def test_the_file_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    section = write_foils({"ひび": ["無傷"], "crack": ["intact"]}, tmp_path)
    text = (tmp_path / section["foils"]).read_text(encoding="utf-8")
    assert json.loads(text) == {"ひび": ["無傷"], "crack": ["intact"]}
    assert len(text.splitlines()) == 4
