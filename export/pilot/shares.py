"""Shares of parts together, and how many parts show a share. Intervals are exact ones of 95 % (Clopper and Pearson)."""

from __future__ import annotations

from collections.abc import Iterable

from export.chapters.decided import share
from export.findings.figures import Share

MOST_PARTS = 1_000_000
"""Beyond this many defective parts nobody looks for more."""


def pooled(shares: Iterable[Share]) -> Share:
    """The share of all parts together."""
    counted = [(one.count, one.of) for one in shares]
    return share(sum(count for count, _ in counted), sum(of for _, of in counted))


def parts_to_show(limit: float, *, rate: float = 0.0) -> int | None:
    """So many parts show a share at or below `limit` (0..1) if the share `rate` of them, rounded up, has the fault; None: none do."""
    if rate >= limit:
        return None
    low, high = 0, 1
    while not _shows(high, rate, limit):
        low, high = high, high * 2
        if low > MOST_PARTS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _shows(middle, rate, limit) else (middle, high)
    return high


def _shows(parts: int, rate: float, limit: float) -> bool:
    return share(-int(-rate * parts // 1), parts).high <= limit
