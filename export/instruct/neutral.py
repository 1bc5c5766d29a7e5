"""Labels whose words mean nothing: what a judge still reaches with them, it did not take from the meaning of label words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from firmware_config.labels import Label

FIRST, SECOND = ("ba", "ko", "mi", "tu", "ze", "du", "pa", "vo"), ("lu", "ni", "xo", "ga", "re", "zi", "wu", "fe")
WORDS = tuple(first + second for second, first in product(SECOND, FIRST))
"""64 words, as many as a station may have labels; the first eight begin differently."""


def neutral_labels(labels: Sequence[Label]) -> tuple[Label, ...]:
    """The labels in their order with words that mean nothing as names, and without meanings; decisions stay."""
    taken = {label.name for label in labels}
    words = [word for word in WORDS if word not in taken]
    return tuple(label.model_copy(update={"name": word, "meaning": ""}) for label, word in zip(labels, words, strict=False))
