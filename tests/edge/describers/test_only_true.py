"""`[describe] only_true`: a word below the bundle's threshold is not said; without the key the best words are said, true or not."""

from __future__ import annotations

import numpy as np

from edge.describers.vocabulary import Vocabulary

VOCABULARY = Vocabulary(("crack", "stain", "scratch"), np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32))
PICTURE = np.array([1, 0], np.float32)


def test_words_below_the_least_cosine_are_left_out() -> None:
    assert [tag.word for tag in VOCABULARY.best(PICTURE, 3, least=0.5)] == ["crack", "stain"]


def test_a_word_at_the_least_cosine_is_said() -> None:
    assert [tag.word for tag in VOCABULARY.best(PICTURE, 3, least=0.6)] == ["crack", "stain"]


def test_where_no_word_is_true_the_best_one_is_said() -> None:
    assert [tag.word for tag in VOCABULARY.best(-PICTURE, 3, least=0.5)] == ["scratch"]


def test_without_a_least_cosine_the_best_words_are_said() -> None:
    assert [tag.word for tag in VOCABULARY.best(PICTURE, 3)] == ["crack", "stain", "scratch"]
