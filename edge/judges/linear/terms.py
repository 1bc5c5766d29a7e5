"""From a description to numbers: TF-IDF of its words and word pairs.

The same numbers as scikit-learn's `TfidfVectorizer(analyzer=terms_of, sublinear_tf=True)`, with which the weights are fitted. Sums are
exact (`math.fsum`): neither the order of the words nor the vector unit of the processor changes a bit.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

_WORD = re.compile(r"\b\w\w+\b")
"""Two or more letters or digits, as scikit-learn cuts words."""

_PAUSE = re.compile(r"[,;:\n]")
"""Between two tags or phrases: the last word of one and the first of the next are no pair."""


def terms_of(text: str) -> list[str]:
    """The words of a text and the pairs of neighbouring words, in lower case."""
    terms = []
    for part in _PAUSE.split(text.lower()):
        words = _WORD.findall(part)
        terms += [*words, *(f"{first} {second}" for first, second in pairwise(words))]
    return terms


def tf_idf(terms: Sequence[str], idf: Mapping[str, float]) -> dict[str, float]:
    """The weight of each of `terms` that has an `idf`, in alphabetical order; their squares sum to 1. Empty if no term has one."""
    counts = Counter(term for term in terms if term in idf)
    values = {term: (1.0 + math.log(counts[term])) * idf[term] for term in sorted(counts)}
    length = math.sqrt(math.fsum(value * value for value in values.values()))
    return {term: value / length for term, value in values.items()}
