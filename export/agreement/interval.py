"""A share of parts with its exact 95 % interval (Clopper and Pearson, Biometrika 26, 1934)."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import beta

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`, both at least 0; `share`, `low` and `high` are from 0 to 1, and null where `of` is 0."""

    count: int
    of: int
    share: float | None
    low: float | None
    high: float | None


def share_of(count: int, of: int, *, confidence: float = CONFIDENCE) -> Share:
    """The share and its interval. The interval holds for independent things: parts, not several answers about one part."""
    if of == 0:
        return Share(count, of, None, None, None)
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, of - count + 1))
    high = 1.0 if count == of else float(beta.ppf(1 - tail, count + 1, of - count))
    return Share(count, of, count / of, low, high)
