"""How many parts an evaluation needs: exact (Clopper-Pearson) bounds of a share, and what follows from them.

A part counts once: parts are independent. Runs of alike parts tell less than they count (`worth`).
Clopper and Pearson, Biometrika 26 (1934); the rule of three: Hanley and Lippman-Hand, JAMA 249 (1983); Kish, Survey Sampling (1965).
"""

from __future__ import annotations

import math
from itertools import count

from scipy.stats import beta, binom, t

CONFIDENCE = 0.95


def rule_of_three(parts: int) -> float:
    """About the upper bound (0..1) of a share of which `parts` parts showed none, with 95 % confidence."""
    return 3 / parts


def upper(found: int, parts: int, *, confidence: float = CONFIDENCE) -> float:
    """The one-sided exact upper bound (0..1) of a share, of which `found` of `parts` parts were found."""
    return 1.0 if found == parts else float(beta.ppf(confidence, found + 1, parts - found))


def interval(found: int, parts: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The two-sided exact interval (0..1) of a share, of which `found` of `parts` parts were found."""
    tail = (1 - confidence) / 2
    lower = 0.0 if found == 0 else float(beta.ppf(tail, found, parts - found + 1))
    return lower, upper(found, parts, confidence=1 - tail)


def fewest_parts(limit: float, *, missed: int = 0, confidence: float = CONFIDENCE) -> int:
    """The fewest parts that show a share of at most `limit` (0..1), where `missed` of them are found: `upper` is at most `limit`."""
    least, most = missed, missed + 1
    while upper(missed, most, confidence=confidence) > limit:
        least, most = most, 2 * most
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if upper(missed, middle, confidence=confidence) > limit else (least, middle)
    return most


def chance_to_pass(true_share: float, parts: int, *, missed: int) -> float:
    """The chance (0..1) that at most `missed` of `parts` parts are found, where the true share is `true_share` (0..1)."""
    return float(binom.cdf(missed, parts, true_share))


def parts_to_collect(defects: int, *, defect_rate: float) -> int:
    """How many parts of the line hold so many defective ones on average; `defect_rate` 0..1."""
    return math.ceil(defects / defect_rate - 1e-9)


def worth(parts: int, *, block: int, alike: float) -> float:
    """How many independent parts `parts` parts are worth that come in blocks of `block` neighbours.

    `alike` (0..1) is the correlation of two neighbours of a block: 0 is as if they were drawn, 1 is the same part again (Kish).
    """
    return parts / (1 + (block - 1) * alike)


def fewest_for_guarantee(escape: float) -> int:
    """The fewest labelled defective parts from which a station's calibration can hold an OK to an escape rate (0..1): 1 / (n + 1) <= it."""
    return math.ceil(1 / escape - 1e-9) - 1


def least_wins(differing: int, *, confidence: float = CONFIDENCE) -> int | None:
    """On how many of the parts where two systems differ one must be right to be shown better (sign test); None: on so few never."""
    level = (1 - confidence) / 2
    wins = next(wins for wins in count(differing // 2) if float(binom.sf(wins - 1, differing, 0.5)) <= level)
    return wins if wins <= differing else None


def spread_known(seeds: int, *, confidence: float = CONFIDENCE) -> float:
    """Half of the interval of a mean over so many seeds, in deviations between seeds (Student's t)."""
    return float(t.ppf((1 + confidence) / 2, seeds - 1)) / math.sqrt(seeds)


def escaped_per_million(defect_rate: float, escape: float) -> float:
    """Defective parts that pass among a million parts; `defect_rate` and `escape` 0..1."""
    return 1e6 * defect_rate * escape
