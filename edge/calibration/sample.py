"""Labelled pictures as arrays, and how they are split for cross-fitting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from firmware_config.calibration import Decision

FOLDS = 10
"""Each fold is judged by a fit on the other nine tenths of the pictures."""

LabelledScores: TypeAlias = tuple[Sequence[float], AbstractSet[str]]
"""Of one picture: its log-likelihoods in the order of the station's labels, and the labels that are right, all of one decision."""

Fold: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows to fit on, and rows to measure with that fit."""

Split: TypeAlias = Callable[[int], Iterator[Fold]]
"""The folds of so many rows; each row is measured once."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """N labelled pictures with K labels, in the order in which they were taken, so that neighbours stay together.

    `log_likelihoods` float64 (N, K) in nats; `allowed` bool (N, K): the labels that are right (of a picture known only to be defective: all
    defects); `decisions` str (K,): "ok", "ng" or "review" of each label.
    """

    log_likelihoods: NDArray[np.float64]
    allowed: NDArray[np.bool_]
    decisions: NDArray[np.str_]

    @classmethod
    def of(cls, pictures: Sequence[LabelledScores], labels: dict[str, Decision]) -> Sample:
        """Put labelled scores into arrays; `labels` are the station's, in the order of the log-likelihoods."""
        shape = (len(pictures), len(labels))
        return cls(
            np.array([log_likelihoods for log_likelihoods, _ in pictures], np.float64).reshape(shape),
            np.array([[label in allowed for label in labels] for _, allowed in pictures], np.bool_).reshape(shape),
            np.array(list(labels.values())),
        )

    @property
    def ok(self) -> NDArray[np.bool_]:
        """The labels whose decision is ok, bool (K,)."""
        return np.asarray(self.decisions == "ok")

    @property
    def bad(self) -> NDArray[np.bool_]:
        """The pictures whose right label is not ok, bool (N,)."""
        return ~np.asarray((self.allowed & self.ok).any(-1))

    def take(self, rows: NDArray[np.int64]) -> Sample:
        """The pictures of these rows."""
        return Sample(self.log_likelihoods[rows], self.allowed[rows], self.decisions)

    def __len__(self) -> int:
        return len(self.log_likelihoods)


def block_folds(count: int, parts: int = FOLDS) -> Iterator[Fold]:
    """Folds that are blocks of neighbours."""
    rows = np.arange(count)
    for block in np.array_split(rows, min(parts, count)):
        yield np.setdiff1d(rows, block), block


def interleaved_folds(count: int, parts: int = FOLDS) -> Iterator[Fold]:
    """Folds that each take every tenth picture."""
    rows = np.arange(count)
    for first in range(min(parts, count)):
        yield np.setdiff1d(rows, rows[first::parts]), rows[first::parts]
