from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.describers.decoding.drafts import CONTEXT_TOKENS, Drafts

CAPTIONS = st.lists(st.lists(st.integers(0, 5), max_size=12), max_size=12)


def test_a_known_caption_is_drafted_to_its_end() -> None:
    drafts = Drafts([[3, 1, 4, 1, 5, 9, 2, 6]])
    assert drafts.after([], most=20) == [3, 1, 4, 1, 5, 9, 2, 6]
    assert drafts.after([3, 1, 4, 1], most=2) == [5, 9]
    assert drafts.after([3, 1, 4, 1, 5, 9, 2, 6], most=20) == []
    assert drafts.after([3], most=0) == []


def test_after_an_unknown_token_drafts_resume_at_the_next_known_token() -> None:
    drafts = Drafts([[1, 2, 3, 4, 5, 6]])
    assert drafts.after([1, 2, 9], most=9) == []
    assert drafts.after([1, 2, 9, 4], most=9) == [5, 6]


def test_the_longest_known_context_decides_and_then_the_most_frequent_token() -> None:
    assert Drafts([[7, 2, 3], [8, 2, 4], [9, 2, 4]]).after([7, 2], most=1) == [3]
    assert Drafts([[7, 2, 3], [8, 2, 4], [9, 2, 4]]).after([5, 2], most=1) == [4]
    assert Drafts([[7, 2, 3], [8, 2, 4]]).after([5, 2], most=1) == [3], (
        "the first of equally frequent tokens, so that a bundle always drafts the same"
    )


@pytest.mark.parametrize("captions", [[], [[]], [[], []]])
def test_without_captions_there_are_no_drafts(captions: list[list[int]]) -> None:
    assert Drafts(captions).after([], most=9) == []
    assert Drafts(captions).after([1], most=9) == []


@given(CAPTIONS, st.lists(st.integers(0, 6), max_size=12), st.integers(0, 30))
def test_a_draft_has_a_limit_consists_of_known_pairs_and_is_the_start_of_a_longer_draft(
    captions: list[list[int]], tokens: list[int], most: int
) -> None:
    drafts = Drafts(captions)
    draft = drafts.after(tokens, most=most)
    assert len(draft) <= most
    assert draft == drafts.after(tokens, most=most + CONTEXT_TOKENS)[:most]
    pairs = {pair for caption in captions for pair in zip([None, *caption], caption, strict=False)}
    assert all(pair in pairs for pair in zip([tokens[-1] if tokens else None, *draft], draft, strict=False))
