"""Foils of a word: words that exclude it, found by correlation of CLIP's cosines over pictures. No label is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

OPPOSED = -0.5
"""Two words exclude each other if their cosines correlate below this."""

FEWEST, MOST = 3, 8
"""The fewest and the most foils of a word; the most negative correlations come first."""

ENOUGH = 16
"""The fewest pictures for a correlation: its standard error is then a quarter."""


def choose_foils(words: Sequence[str], embeddings: NDArray[np.float32], pictures: NDArray[np.float32]) -> dict[str, list[str]]:
    """Choose for each word the words whose cosines rise where its own fall, the most opposed first.

    `embeddings` float32 (len(words), D) are those of the words, `pictures` float32 (N, D) those of the pictures, all of unit length.
    With fewer than ENOUGH pictures no word has foils.
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
    """Write `out`/clip/foils.json, one word a line; returns its entry for the section `clip` of models.json."""
    lines = (f" {json.dumps(word, ensure_ascii=False)}: {json.dumps(against, ensure_ascii=False)}" for word, against in foils.items())
    (out / "clip/foils.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return {"foils": "clip/foils.json"}
