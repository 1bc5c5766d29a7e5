from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.evaluation.blocks import neighbour_names, neighbourhoods, source_rows, source_split, split
from export.evaluation.errors import EvaluationError
from tests.support.drawn_corpora import drawn_corpus


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), block=st.integers(1, 12), share=st.floats(0.1, 0.6))
def test_a_split_never_separates_neighbours(seed: int, block: int, share: float) -> None:
    corpus = drawn_corpus(each=24, block=block, seed=seed)
    near = neighbourhoods(corpus)

    first, second = split(corpus, np.arange(len(corpus)), near, share=share, seed=seed)

    assert sorted([*first, *second]) == list(range(len(corpus)))
    assert not {corpus.blocks[row] for row in first} & {corpus.blocks[row] for row in second}


def test_both_parts_have_their_share_of_good_and_defective_pictures() -> None:
    corpus = drawn_corpus(each=200)

    _, second = split(corpus, np.arange(len(corpus)), neighbourhoods(corpus), share=0.25, seed=3)

    for bad in (False, True):
        assert (corpus.bad[second] == bad).sum() / (corpus.bad == bad).sum() == pytest.approx(0.25, abs=0.03)


def test_copies_in_different_blocks_stay_together() -> None:
    corpus = drawn_corpus(each=10, block=1)
    rows = list(corpus.rows)
    rows[25] = rows[25].model_copy(update={"id": rows[0].id})
    corpus = replace(corpus, rows=tuple(rows))
    near = neighbourhoods(corpus)

    assert near[25] == near[0]
    sources, dropped = source_rows(corpus, {"c"}, near)
    assert dropped == 1
    assert 0 not in sources
    assert neighbour_names(corpus) == [corpus.blocks[0] if row == 25 else block for row, block in enumerate(corpus.blocks)]


def test_the_splits_that_pictures_have_are_kept() -> None:
    corpus = drawn_corpus(each=20, block=5)
    given_splits = tuple("validation" if int(block[-1]) == 0 else "test" if int(block[-1]) == 1 else "train" for block in corpus.blocks)
    corpus = replace(corpus, splits=given_splits)

    train, validation = source_split(corpus, np.arange(40), neighbourhoods(corpus), share=0.25, seed=0)

    assert {given_splits[row] for row in train} == {"train"}
    assert {given_splits[row] for row in validation} == {"validation"}


def test_splits_that_separate_neighbours_are_refused_with_the_picture() -> None:
    corpus = drawn_corpus(each=20, block=5)
    corpus = replace(corpus, splits=tuple("validation" if number % 5 == 0 else "train" for number in range(60)))

    with pytest.raises(EvaluationError, match=r"a/0\.png is in validation, but a neighbour of it \(block 'a-0', or a copy\) is in train"):
        source_split(corpus, np.arange(40), neighbourhoods(corpus), share=0.25, seed=0)


def test_a_single_neighbourhood_is_all_train() -> None:
    corpus = drawn_corpus(each=20, block=20)

    first, second = split(corpus, np.arange(20), neighbourhoods(corpus), share=0.5, seed=0)

    assert (len(first), len(second)) == (20, 0)
