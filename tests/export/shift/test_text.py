"""Descriptions become numbers without a label."""

from __future__ import annotations

import numpy as np
import pytest

from edge.records import Tag, Words
from export.shift.text import DIMENSIONS, text_features


def _words(*tags: str) -> Words:
    return Words(tags=tuple(Tag(tag, 0.9) for tag in tags), attributes=(), captions=())


def test_descriptions_that_say_the_same_are_the_same_numbers() -> None:
    found = text_features([_words("crack", "dark"), _words("clean"), _words("crack", "dark"), _words("clean", "bright")])
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(found[2], abs=1e-6)
    to_other, to_alike = found[1] @ found[0], found[1] @ found[3]
    assert to_alike > to_other


def test_many_terms_become_64_numbers_and_the_same_ones_each_time() -> None:
    words = [_words(f"word{number}", f"thing{number % 7}") for number in range(100)]
    assert text_features(words).shape == (100, DIMENSIONS)
    assert np.array_equal(text_features(words), text_features(words))


def test_descriptions_that_all_say_the_same_have_nothing_to_tell() -> None:
    assert not text_features([_words("clean")] * 5).any()
    assert text_features([_words()] * 3).shape == (3, 1)
