"""The usual limits of an attribute study: AIAG, Measurement Systems Analysis, 4th edition, chapter III, section C."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

Grade: TypeAlias = Literal["acceptable", "marginal", "unacceptable"]
GRADES: tuple[Grade, ...] = ("acceptable", "marginal", "unacceptable")
"""From best to worst."""

EFFECTIVENESS = (0.90, 0.80)
"""Acceptable from the first, marginal from the second."""
MISS_RATE, FALSE_ALARM_RATE = (0.02, 0.05), (0.05, 0.10)
"""Acceptable up to the first, marginal up to the second."""
KAPPA_GOOD, KAPPA_POOR = 0.75, 0.40
"""Above the first agreement is good, below the second it is poor."""


def grade_of_effectiveness(share: float) -> Grade:
    """The grade of a share of parts that were judged right."""
    good, marginal = EFFECTIVENESS
    return "acceptable" if share >= good else "marginal" if share >= marginal else "unacceptable"


def grade_of_rate(rate: float, limits: tuple[float, float]) -> Grade:
    """The grade of a miss rate or a false alarm rate."""
    good, marginal = limits
    return "acceptable" if rate <= good else "marginal" if rate <= marginal else "unacceptable"


def worst(grades: Iterable[Grade]) -> Grade:
    """The worst of grades, at least one."""
    return max(grades, key=GRADES.index)
