from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.describers.filter.antonyms import with_other_modifiers, with_other_places
from edge.describers.filter.phrases import Phrase, cut, is_negated, join

CAPTION = "a clear long crack in the upper right and more cracks, a poly cell with grain and dislocation clouds"
WORDS = (
    "a",
    "an",
    "the",
    "no",
    "crack",
    "clear",
    "long",
    "area",
    "and",
    "or",
    ",",
    "in",
    "of",
    "with",
    "without",
    "upper left",
    "cell",
    "nothing",
)

# An article right after an article or a modifier ("clear the a") is not English; there `join` may move words.
CAPTIONS = (
    st.lists(st.sampled_from(WORDS), max_size=14)
    .map(" ".join)
    .filter(lambda caption: not re.search(r"\b(?:a|an|the|clear|long) (?:an?|the)\b", caption))
)


def claims(caption: str) -> list[str]:
    return [phrase.claim for phrase in cut(caption)]


def without(caption: str, *struck: str) -> str:
    phrases = cut(caption)
    return join(phrases, [phrase.claim not in struck for phrase in phrases])


def test_a_caption_is_cut_into_nouns_modifiers_and_tails() -> None:
    assert claims(CAPTION) == [
        "crack", "clear crack", "long crack", "crack in the upper right", "more cracks", "poly cell", "poly cell with grain",
        "dislocation clouds",
    ]  # fmt: skip


def test_joining_all_phrases_gives_the_caption_again() -> None:
    assert without(CAPTION) == CAPTION


def test_a_caption_without_its_struck_phrases_is_good_english() -> None:
    assert without(CAPTION, "long crack", "crack in the upper right") == (
        "a clear crack and more cracks, a poly cell with grain and dislocation clouds"
    )
    assert without("a clear inactive region of a mono cell", "clear inactive region") == "an inactive region of a mono cell"


def test_tails_and_modifiers_are_struck_with_their_noun_and_other_nouns_are_kept() -> None:
    assert without("a clear crack in the centre of a mono cell", "crack") == "a mono cell"
    assert without("an intact surface on a mono cell", "intact surface") == "a mono cell"


def test_a_caption_whose_phrases_are_all_struck_is_empty() -> None:
    assert without("a clear crack in the centre", "crack") == ""


def test_a_negation_is_never_cut() -> None:
    assert claims("no cracks, stains or dark areas") == ["no cracks, stains or dark areas"]
    assert claims("a cell without a crack") == ["cell", "cell without a crack"]
    assert claims("no large crack") == ["no large crack"]


def test_a_new_article_ends_a_negation() -> None:
    assert claims("no damage, a mono cell") == ["no damage", "mono cell"]
    assert claims("nothing but busbars and fingers, a crack") == ["nothing but busbars and fingers", "crack"]


def test_a_compound_is_not_cut_at_its_separator() -> None:
    assert [phrase.text for phrase in cut("bright and dark grains and a crack", compounds=["bright and dark grains"])] == [
        "bright and dark grains",
        "a crack",
    ]


def test_japanese_is_cut_at_its_comma() -> None:
    assert claims("ひび、暗部") == ["ひび", "暗部"]


@pytest.mark.parametrize("text", ["a mono cell", "a nozzle", "a notch", "a freestanding part"])
def test_a_word_that_only_begins_like_a_negation_is_not_one(text: str) -> None:
    assert not is_negated(text)


def test_a_modifier_has_other_modifiers_as_contrasts_and_a_place_has_other_places() -> None:
    assert with_other_modifiers("long crack", "long") == ("short crack",)
    assert set(with_other_places("crack in the upper left")) == {
        f"crack in the {place}" for place in ("upper right", "lower left", "lower right", "centre", "center", "middle")
    }
    assert with_other_places("poly cell with grain") == ()


@given(CAPTIONS)
def test_cutting_and_joining_adds_no_word_and_keeps_the_order(caption: str) -> None:
    phrases = cut(caption)
    joined = re.findall(r"\w+", join(phrases, [True] * len(phrases)))
    assert [word for word in joined if word not in {"a", "an", "and", "or"}] == [
        word for word in re.findall(r"\w+", caption) if word in joined and word not in {"a", "an", "and", "or"}
    ]


@given(CAPTIONS, st.integers(0, 2**16))
def test_a_supported_negation_is_kept_whole_after_its_article(caption: str, struck: int) -> None:
    phrases = cut(caption)
    supported = [not struck >> index & 1 for index in range(len(phrases))]
    joined = join(phrases, supported)
    for index, phrase in enumerate(phrases):
        if is_negated(phrase.text) and supported[index] and (phrase.head is None or supported[phrase.head]):
            assert re.sub("^an? ", "", phrase.text) in joined  # "an no" becomes "a no"


def test_modifiers_and_tails_have_their_noun_as_head() -> None:
    assert cut("a long crack in the centre")[1:] == (
        Phrase("long", " ", "long crack", ("short crack",), 0, is_modifier=True),
        Phrase("in the centre", " ", "crack in the centre", with_other_places("crack in the centre"), 0),
    )
