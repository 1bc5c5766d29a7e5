"""From a description to numbers: TF-IDF of its words and word pairs.

The same numbers as scikit-learn's `TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)`, with which the weights are fitted. Sums are
exact (`math.fsum`): the order of the words and the vector unit of the processor change no bit.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

_WORD = re.compile(r"\b\w\w+\b")
"""Two or more letters or digits, as scikit-learn cuts words."""


def terms_of(text: str) -> Counter[str]:
    """How often each word and each pair of neighbouring words stands in a text, in lower case."""
    words = _WORD.findall(text.lower())
    return Counter([*words, *(f"{first} {second}" for first, second in pairwise(words))])


def tf_idf(counts: Mapping[str, int], idf: Mapping[str, float]) -> dict[str, float]:
    """The weight of each term that has an `idf`, in alphabetical order; their squares sum to 1. Empty if no term has one."""
    values = {term: (1.0 + math.log(counts[term])) * idf[term] for term in sorted(counts) if term in idf}
    length = math.sqrt(math.fsum(value * value for value in values.values()))
    return {term: value / length for term, value in values.items()}
