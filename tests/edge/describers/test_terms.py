from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.describers.filter.phrases import is_negated
from edge.describers.filter.plain_text import MAX_CAPTION_CHARACTERS
from edge.describers.filter.terms import Terms
from firmware_config.station import Describe, Term

TERMS = (
    Term(name="crack", also=("fracture line", "fissure", "ひび", "亀裂")),
    Term(name="dark area", also=("inactive region", "area without current", "暗部")),
    Term(name="dark corner", also=("corner shadow",)),
    Term(name="several cracks", also=("more cracks",)),
)
WORDS = (
    "crack", "Fracture lines", "fissures", "ｆｉｓｓｕｒｅ", "no", "without", "not", "a", "dark", "area", "corner", "shadow",
    "inactive region", "region", "uncracked", "more cracks", "ひびなし", "亀裂", "暗部なし", ",", "and", "crack-free",
)  # fmt: skip
STATION = Terms.of(TERMS)
sentences = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
wordings = st.text(st.sampled_from("ab ひ"), min_size=1, max_size=4).map(str.strip).filter(bool)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a thin fracture line in the centre", "a thin crack in the centre"),
        ("two Fissures", "two crack"),
        ("ｆｉｓｓｕｒｅ", "crack"),
        ("CRACKS", "crack"),
        ("more cracks", "several cracks"),
        ("細いひびが見える", "細いcrackが見える"),
        ("an inactive region", "a dark area"),
    ],
)
def test_synonyms_plurals_any_case_and_full_width_become_the_name(text: str, expected: str) -> None:
    assert STATION.applied(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no fracture line", "no crack"),
        ("a cell without fissures", "a cell without crack"),
        ("ひびなし", "crackなし"),
        ("crack-free", "crack-free"),
        ("not a crack", "not a crack"),
    ],
)
def test_a_negation_is_kept(text: str, expected: str) -> None:
    assert STATION.applied(text) == expected


@pytest.mark.parametrize("text", ["uncracked", "crackless", "a nutcracker", "corner shadowy"])
def test_a_part_of_a_word_is_not_replaced(text: str) -> None:
    assert STATION.applied(text) == text


def test_names_can_be_japanese() -> None:
    terms = Terms.of([Term(name="割れ", also=("crack", "ひび割れ", "クラック"))])
    assert terms.applied("no cracks, ひび割れなし, ｸﾗｯｸ") == "no 割れ, 割れなし, 割れ"


def test_terms_known_to_a_bundle_use_the_first_wording_of_its_vocabulary() -> None:
    terms = [Term(name="割れ", also=("fracture line", "crack")), Term(name="錆", also=("rust",))]
    known = Terms.known_to({"crack", "stain"}, terms)
    assert known.applied("a fracture line, rust") == "a crack, rust"


def test_without_terms_a_text_stays_as_it_is() -> None:
    assert Terms.of(()).applied("ｆｕｌｌ width") == "ｆｕｌｌ width"


def test_a_wording_can_belong_to_one_term_only() -> None:
    with pytest.raises(ValidationError, match="one term only, but 'line'"):
        Describe(terms=(Term(name="crack", also=("line",)), Term(name="scratch", also=("Line",))))


@given(sentences)
def test_applying_terms_again_changes_nothing(text: str) -> None:
    once = STATION.applied(text)
    assert STATION.applied(once) == once


@given(sentences)
def test_terms_change_no_negation(text: str) -> None:
    assert is_negated(STATION.applied(text)) == is_negated(text)
    assert STATION.applied(text).count("なし") == text.count("なし")


@given(st.lists(st.tuples(wordings, wordings), max_size=4), st.text(st.sampled_from("ab ひ"), max_size=60), st.integers(5, 40))
def test_no_terms_exceed_the_limit(pairs: list[tuple[str, str]], text: str, limit: int) -> None:
    terms = Terms([(name, {also}) for name, also in pairs])
    if pairs:
        assert len(terms.applied(text, limit=limit)) <= limit


def test_a_long_caption_is_cut_at_the_end_of_a_word() -> None:
    read = Terms.of([Term(name="a very long name of a thing", also=("x",))]).applied("x " * 60)
    assert len(read) <= MAX_CAPTION_CHARACTERS
    assert read.split()[-1] in {"a", "very", "long", "name", "of", "thing"}
