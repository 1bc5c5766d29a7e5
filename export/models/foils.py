"""Which words cannot be true together: read off pictures on which the bundle's own CLIP compares all of them. No label is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

OPPOSED = -0.5
"""Correlation below which two words exclude each other: a half of what moves one of them moves the other the other way."""

FEWEST, MOST = 3, 8
"""Foils of a word: the most opposed ones, at least and at most."""

ENOUGH = 16
"""Pictures below which a correlation says nothing (its standard error is then a quarter)."""


def choose_foils(words: Sequence[str], embeddings: NDArray[np.float32], pictures: NDArray[np.float32]) -> dict[str, list[str]]:
    """Of each word the words whose cosines rise where its own fall, most opposed first.

    `embeddings` float32 (len(words), D) are those of the words, `pictures` float32 (N, D) those of the pictures, of unit length; with
    fewer than ENOUGH pictures there are no foils.
    """
    if len(pictures) < ENOUGH or len(words) < 2:
        return {}
    together = np.atleast_2d(np.corrcoef((embeddings @ pictures.T).astype(np.float64)))
    np.fill_diagonal(together, np.inf)
    foils = {}
    for index, word in enumerate(words):
        order = np.argsort(np.round(together[index], 4), kind="stable")[: min(MOST, len(words) - 1)]
        count = max(FEWEST, int((together[index][order] < OPPOSED).sum()))
        foils[word] = [words[other] for other in order[:count]]
    return foils


def write_foils(foils: Mapping[str, Sequence[str]], out: Path) -> dict[str, str]:
    """Write `out`/clip/foils.json, a word a line; returns what CLIP's part of models.json says of it."""
    lines = (f" {json.dumps(word, ensure_ascii=False)}: {json.dumps(against, ensure_ascii=False)}" for word, against in foils.items())
    (out / "clip/foils.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return {"foils": "clip/foils.json"}
