"""Agreement beyond chance: Cohen's kappa of two, Fleiss' kappa of several, and how unsure each is.

Each kappa has two standard errors. `se` is the published formula, which takes every answer as independent. `se_parts` leaves out one part
in turn (jackknife): several trials of one part are not independent, so it is the one to believe where there are trials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.bool_]
"""Answers (parts, trials): True is NG."""


@dataclass(frozen=True, slots=True)
class Kappa:
    """All null where chance alone would agree always: everybody gave one answer only."""

    value: float | None
    se: float | None
    se_parts: float | None


def cohen(one: Marks, other: Marks) -> Kappa:
    """Cohen's kappa of answers (parts, trials), paired trial by trial; a side with one trial is paired with every trial of the other."""
    one, other = np.broadcast_arrays(one, other)
    value, se = cohen_of_table(_table(one, other))
    return Kappa(value, se, _jackknife(len(one), lambda kept: cohen_of_table(_table(one[kept], other[kept]))[0]))


def cohen_of_table(table: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Kappa of a table of counts (answers of one, answers of the other), and its standard error.

    The standard error is that of Fleiss, Cohen and Everitt, Psychological Bulletin 72 (1969), for a kappa that is not 0.
    """
    total = table.sum()
    p = table / total
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    chance = float(rows @ columns)
    if math.isclose(chance, 1.0):
        return None, None
    kappa = (float(np.trace(p)) - chance) / (1 - chance)
    both = rows + columns
    right = float(np.sum(np.diag(p) * (1 - both * (1 - kappa)) ** 2))
    crossed = p * (columns[:, None] + rows[None, :]) ** 2
    wrong = (1 - kappa) ** 2 * float(crossed.sum() - np.trace(crossed))
    variance = (right + wrong - (kappa - chance * (1 - kappa)) ** 2) / ((1 - chance) ** 2 * total)
    return kappa, math.sqrt(max(0.0, variance))


def fleiss(answers: Marks) -> Kappa:
    """Fleiss' kappa of answers (parts, raters), at least two raters."""
    bad = answers.sum(axis=1)
    counts = np.stack([bad, answers.shape[1] - bad], axis=1).astype(np.float64)
    value, se = fleiss_of_counts(counts)
    return Kappa(value, se, _jackknife(len(counts), lambda kept: fleiss_of_counts(counts[kept])[0]))


def fleiss_of_counts(counts: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Kappa of counts (parts, kinds of answer), as many answers for each part, and its standard error.

    Kappa is that of Fleiss, Psychological Bulletin 76 (1971). The standard error is that of Fleiss, Nee and Landis, Psychological
    Bulletin 86 (1979): it holds for a kappa of 0, so it tests for agreement beyond chance and is no interval.
    """
    parts, raters = len(counts), float(counts[0].sum())
    p = counts.sum(axis=0) / counts.sum()
    chance = float(p @ p)
    if math.isclose(chance, 1.0):
        return None, None
    agreed = float(np.mean(((counts**2).sum(axis=1) - raters) / (raters * (raters - 1))))
    spread = float(np.sum(p * (1 - p)))
    variance = 2 * (spread**2 - float(np.sum(p * (1 - p) * (1 - 2 * p)))) / (spread**2 * parts * raters * (raters - 1))
    return (agreed - chance) / (1 - chance), math.sqrt(max(0.0, variance))


def _table(one: Marks, other: Marks) -> NDArray[np.float64]:
    a, b = one.ravel(), other.ravel()
    return np.array([[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]], np.float64)


def _jackknife(parts: int, kappa_of: Callable[[Marks], float | None]) -> float | None:
    """The standard error from leaving out one part in turn; null where a kappa cannot be had without some part."""
    if parts < 2:
        return None
    left_out = [kappa_of(np.arange(parts) != part) for part in range(parts)]
    values = np.array([value for value in left_out if value is not None])
    if len(values) < parts:
        return None
    return math.sqrt((parts - 1) / parts * float(np.sum((values - values.mean()) ** 2)))
