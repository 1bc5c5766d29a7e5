"""Remarks: a sentence in each language for each code, and names in the place of codes."""

from __future__ import annotations

import string
from typing import get_args

import pytest
from pydantic import ValidationError

from export.findings.remark import SENTENCES, Remark, RemarkCode
from firmware_config.toml import read_toml


@pytest.mark.parametrize("code", get_args(RemarkCode))
def test_both_languages_say_every_code_with_the_same_values(code: str) -> None:
    sentence = read_toml(SENTENCES)[code]
    english, japanese = ({place for _, place, _, _ in string.Formatter().parse(sentence[language]) if place} for language in ("en", "ja"))

    assert english == japanese
    assert any(ord(letter) > 0x3000 for letter in sentence["ja"]) or sentence["ja"] == "{why}"


def test_no_sentence_is_of_no_code() -> None:
    assert sorted(read_toml(SENTENCES)) == sorted(get_args(RemarkCode))


def test_a_remark_says_why_by_another_and_takes_the_names_that_are_given() -> None:
    why = Remark(code="no_scores")
    remark = Remark(code="scorer_left_out", values={"scorer": "linear_box", "why": why})

    assert str(remark) == "linear_box is left out: the bundle gave no such scores."
    assert remark.sentence("ja", {"linear_box": "線形の判定器"}).startswith("線形の判定器は省きました：")
    assert Remark.model_validate_json(remark.model_dump_json()) == remark


@pytest.mark.parametrize("values", [{}, {"count": 3, "of": 4}])
def test_a_remark_without_the_values_of_its_sentence_is_refused(values: dict[str, int | float | str | Remark]) -> None:
    with pytest.raises(ValidationError, match=r"the remark 'copies' needs the values \['count'\]"):
        Remark(code="copies", values=values)
