from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.describers.decoding.drafts import CONTEXT_TOKENS, Drafts

CAPTIONS = st.lists(st.lists(st.integers(0, 5), max_size=12), max_size=12)


def test_a_caption_that_was_there_is_foreseen_whole() -> None:
    drafts = Drafts([[3, 1, 4, 1, 5, 9, 2, 6]])
    assert drafts.after([], most=20) == [3, 1, 4, 1, 5, 9, 2, 6]
    assert drafts.after([3, 1, 4, 1], most=2) == [5, 9]
    assert drafts.after([3, 1, 4, 1, 5, 9, 2, 6], most=20) == []
    assert drafts.after([3], most=0) == []


def test_after_a_word_that_nobody_foresaw_it_goes_on_where_the_same_words_stand() -> None:
    drafts = Drafts([[1, 2, 3, 4, 5, 6]])
    assert drafts.after([1, 2, 9], most=9) == []
    assert drafts.after([1, 2, 9, 4], most=9) == [5, 6]


def test_more_of_the_same_words_count_more_and_what_came_oftener_wins() -> None:
    assert Drafts([[7, 2, 3], [8, 2, 4], [9, 2, 4]]).after([7, 2], most=1) == [3]
    assert Drafts([[7, 2, 3], [8, 2, 4], [9, 2, 4]]).after([5, 2], most=1) == [4]
    assert Drafts([[7, 2, 3], [8, 2, 4]]).after([5, 2], most=1) == [3], "of equals the first, so that a bundle always drafts alike"


@pytest.mark.parametrize("captions", [[], [[]], [[], []]])
def test_of_nothing_nothing_is_foreseen(captions: list[list[int]]) -> None:
    assert Drafts(captions).after([], most=9) == []
    assert Drafts(captions).after([1], most=9) == []


@given(CAPTIONS, st.lists(st.integers(0, 6), max_size=12), st.integers(0, 30))
def test_a_draft_is_bounded_made_of_known_steps_and_a_beginning_of_the_longer_one(
    captions: list[list[int]], said: list[int], most: int
) -> None:
    drafts = Drafts(captions)
    draft = drafts.after(said, most=most)
    assert len(draft) <= most
    assert draft == drafts.after(said, most=most + CONTEXT_TOKENS)[:most]
    pairs = {pair for caption in captions for pair in zip([None, *caption], caption, strict=False)}
    assert all(pair in pairs for pair in zip([said[-1] if said else None, *draft], draft, strict=False))
