from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.describers.filter.antonyms import elsewhere, exchanged
from edge.describers.filter.phrases import Phrase, cut, denies, join

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


def claims(caption: str) -> list[str]:
    return [phrase.claim for phrase in cut(caption)]


def without(caption: str, *struck: str) -> str:
    phrases = cut(caption)
    return join(phrases, [phrase.claim not in struck for phrase in phrases])


def test_a_caption_is_cut_into_what_can_be_true_each_for_itself() -> None:
    assert claims(CAPTION) == [
        "crack", "clear crack", "long crack", "crack in the upper right", "more cracks", "poly cell", "poly cell with grain",
        "dislocation clouds",
    ]  # fmt: skip


def test_all_phrases_together_are_the_caption_again() -> None:
    assert without(CAPTION) == CAPTION


def test_what_is_left_of_a_caption_reads_well() -> None:
    assert without(CAPTION, "long crack", "crack in the upper right") == (
        "a clear crack and more cracks, a poly cell with grain and dislocation clouds"
    )
    assert without("a clear inactive region of a mono cell", "clear inactive region") == "an inactive region of a mono cell"


def test_what_belongs_to_a_phrase_goes_with_it_and_what_is_a_thing_of_its_own_stays() -> None:
    assert without("a clear crack in the centre of a mono cell", "crack") == "a mono cell"
    assert without("an intact surface on a mono cell", "intact surface") == "a mono cell"


def test_a_caption_of_which_everything_is_struck_is_empty() -> None:
    assert without("a clear crack in the centre", "crack") == ""


def test_a_negation_is_never_taken_apart() -> None:
    assert claims("no cracks, stains or dark areas") == ["no cracks, stains or dark areas"]
    assert claims("a cell without a crack") == ["cell", "cell without a crack"]
    assert claims("no large crack") == ["no large crack"]


def test_a_new_article_ends_a_negation() -> None:
    assert claims("no damage, a mono cell") == ["no damage", "mono cell"]
    assert claims("nothing but busbars and fingers, a crack") == ["nothing but busbars and fingers", "crack"]


def test_a_word_that_holds_a_joint_stays_whole_when_told() -> None:
    assert [phrase.text for phrase in cut("bright and dark grains and a crack", whole=["bright and dark grains"])] == [
        "bright and dark grains",
        "a crack",
    ]


def test_japanese_is_cut_at_its_comma() -> None:
    assert claims("ひび、暗部") == ["ひび", "暗部"]


@pytest.mark.parametrize("text", ["a mono cell", "a nozzle", "a notch", "a freestanding part"])
def test_a_word_that_only_begins_like_a_negation_denies_nothing(text: str) -> None:
    assert not denies(text)


def test_a_modifier_is_contrasted_with_its_opposites_and_a_place_with_other_places() -> None:
    assert exchanged("long crack", "long") == ("short crack",)
    assert set(elsewhere("crack in the upper left")) == {
        f"crack in the {place}" for place in ("upper right", "lower left", "lower right", "centre", "center", "middle")
    }
    assert elsewhere("poly cell with grain") == ()


@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_nothing_is_lost_and_nothing_is_invented(words: list[str]) -> None:
    caption = " ".join(words)
    phrases = cut(caption)
    said = join(phrases, [True] * len(phrases))
    spoken = re.findall(r"\w+", said)
    assert [word for word in spoken if word not in {"a", "an", "and", "or"}] == [
        word for word in re.findall(r"\w+", caption) if word in spoken and word not in {"a", "an", "and", "or"}
    ]


@given(st.lists(st.sampled_from(WORDS), max_size=14), st.integers(0, 2**16))
def test_a_negation_that_is_said_stays_before_what_it_denies(words: list[str], struck: int) -> None:
    caption = " ".join(words)
    phrases = cut(caption)
    kept = [not struck >> index & 1 for index in range(len(phrases))]
    left = join(phrases, kept)
    for index, phrase in enumerate(phrases):
        if denies(phrase.text) and kept[index] and (phrase.head is None or kept[phrase.head]):
            assert phrase.text in left


def test_a_phrase_knows_the_head_without_which_it_cannot_stand() -> None:
    assert cut("a long crack in the centre")[1:] == (
        Phrase("long", " ", "long crack", ("short crack",), 0, modifies=True),
        Phrase("in the centre", " ", "crack in the centre", elsewhere("crack in the centre"), 0),
    )
