"""Splits that never separate neighbours."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from export.evaluation.case import Rows
from export.evaluation.corpus import Corpus
from export.evaluation.errors import EvaluationError

DRAWS = 32
"""Random orders of the blocks among which the split is chosen that shares out good and defective pictures best."""


def neighbourhoods(corpus: Corpus) -> NDArray[np.int64]:
    """A number for each picture, int64 (N,): the same for pictures of one block, and for copies of one file in different blocks."""
    keys = [*(("block", one) for one in corpus.blocks), *(("id", row.id or row.source) for row in corpus.rows)]
    numbers = {key: len(corpus) + number for number, key in enumerate(dict.fromkeys(keys))}
    pictures, size = np.tile(np.arange(len(corpus)), 2), len(corpus) + len(numbers)
    links = (np.ones(len(keys), np.int8), (pictures, [numbers[key] for key in keys]))
    graph = coo_array(links, shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][: len(corpus)], np.int64)


def neighbour_names(corpus: Corpus) -> list[str]:
    """The name of the neighbourhood of each picture: that of its first block, so that it is the block's own where no copy joins two."""
    first: dict[int, str] = {}
    return [first.setdefault(number, block) for number, block in zip(neighbourhoods(corpus).tolist(), corpus.blocks, strict=True)]


def source_rows(corpus: Corpus, target: Collection[str], near: NDArray[np.int64]) -> tuple[Rows, int]:
    """The pictures of all domains but `target`, without neighbours of the target; and how many such neighbours were left out."""
    inside = np.isin(corpus.domains, list(target))
    neighbours = np.isin(near, near[inside]) & ~inside
    return np.flatnonzero(~inside & ~neighbours), int(neighbours.sum())


def source_split(corpus: Corpus, rows: Rows, near: NDArray[np.int64], *, share: float, seed: int) -> tuple[Rows, Rows]:
    """Split source rows into train and validation: as the pictures say if they do, or else by blocks at random.

    Where some pictures have the splits train and validation, those with the split test and those with none are left out.

    Raises:
        EvaluationError: the pictures' own splits separate neighbours.
    """
    given = np.array([corpus.splits[row] or "" for row in rows])
    train, validation = rows[given == "train"], rows[given == "validation"]
    if not len(train) or not len(validation):
        return split(corpus, rows[given != "test"], near, share=share, seed=seed)
    separated = np.flatnonzero(np.isin(near[validation], near[train]))
    if len(separated):
        one = corpus.rows[validation[separated[0]]]
        msg = f"{one.source} is in validation, but a neighbour of it (block {one.block!r}, or a copy) is in train: give both the same split"
        raise EvaluationError(msg)
    return train, validation


def split(corpus: Corpus, rows: Rows, near: NDArray[np.int64], *, share: float, seed: int) -> tuple[Rows, Rows]:
    """Split rows by neighbourhood into two parts, the second with about `share` (0..1) of the good and of the defective pictures.

    With a single neighbourhood the second part is empty.
    """
    rng = np.random.default_rng(seed)
    numbers, block_of = np.unique(near[rows], return_inverse=True)
    counts = np.stack([np.bincount(block_of, corpus.bad[rows] == bad, minlength=len(numbers)) for bad in (False, True)])
    totals = np.maximum(1, counts.sum(1, keepdims=True))
    best, taken = np.inf, np.empty(0, np.int64)
    for _ in range(DRAWS if len(numbers) > 1 else 0):
        order = rng.permutation(len(numbers))
        errors = np.abs(np.cumsum(counts[:, order], 1) / totals - share).sum(0)[:-1]
        if errors.min() < best - 1e-12:
            best, taken = float(errors.min()), order[: int(errors.argmin()) + 1]
    second = np.isin(block_of, taken)
    return rows[~second], rows[second]
