"""Tests of proportions in plain arithmetic: a device has no statistics library.

Sources: the pooled two-proportion test of the textbooks; Benjamini and Hochberg, "Controlling the False Discovery Rate" (1995); the
continued fraction of the incomplete beta function by Lentz's method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

TINY = 1e-300
MAX_TERMS = 500
CLOSE = 1e-12


def two_sided(z: float, *, degrees: float | None = None) -> float:
    """The two-sided p-value of a statistic: of the normal distribution, or of Student's t with so many degrees of freedom."""
    if degrees is None:
        return math.erfc(abs(z) / math.sqrt(2))
    return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + z * z))


def rare_events(count: float, parts: float, before: float, parts_before: float) -> float:
    """The exact two-sided p-value for rare events: given all of them, how many fall into the parts of now. Counts need not be whole."""
    total, share = count + before, parts / (parts + parts_before)
    at_least = 1.0 if count <= 0 else incomplete_beta(count, total - count + 1, share)
    at_most = 1.0 if count >= total else incomplete_beta(total - count, count + 1, 1 - share)
    return min(1.0, 2 * min(at_least, at_most))


def discoveries(p_values: Sequence[float], rate: float) -> tuple[bool, ...]:
    """Which are told at this false discovery rate, by Benjamini and Hochberg."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    last = max((rank for rank, at in enumerate(order, 1) if p_values[at] <= rate * rank / len(order)), default=0)
    told = set(order[:last])
    return tuple(at in told for at in range(len(p_values)))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for a, b > 0 and x from 0 to 1."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, _away_from_zero(1 - (a + b) * x / (a + 1))
    d = 1 / d
    value = d
    for m in range(1, MAX_TERMS):
        for term in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < CLOSE:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
