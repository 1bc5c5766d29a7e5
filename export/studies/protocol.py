"""How a result is judged: what is compared with what, and how sure one may be.

Thresholds come from the source validation cells only, never from a measured set. Neighbouring cells come from one module, so
intervals come from a bootstrap over blocks of neighbours, not over single cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import f1_score

DRAWS = 2_000
"""Bootstrap draws: the 2.5 % quantile then rests on 50 of them."""
BLOCK = 30
"""Neighbouring rows drawn together: half a module of 60 cells."""
RULE_OF_THREE = 3.0
"""Upper 95 % limit of a rate of which nothing was seen in N: 3 / N."""

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Quality:
    """What one way of scoring reaches on one set, the mean over its seeds; `spread` is the lowest and highest AUROC of a seed.

    `auroc_certain` is on the cells on which those who labelled them agreed.
    """

    auroc: Interval
    spread: tuple[float, float]
    auroc_certain: float
    macro_f1: float
    escape: float
    overkill: float


def best_threshold(scores: Scores, defective: Flags) -> float:
    """The threshold of the highest macro-F1, for source validation scores."""
    candidates = np.unique(scores)
    middles = (candidates[1:] + candidates[:-1]) / 2 if len(candidates) > 1 else candidates
    return float(max(middles, key=lambda threshold: f1_score(defective, scores > threshold, average="macro")))


def quality(seeds: Sequence[Scores], thresholds: Sequence[float], defective: Flags, certain: Flags, rows: Sequence[int]) -> Quality:
    """Measure scores (higher is more defective), one array a seed, of the cells `rows` (positions in the data set, for the blocks)."""
    called = [scores > threshold for scores, threshold in zip(seeds, thresholds, strict=True)]
    each = [auroc(scores, defective) for scores in seeds]
    return Quality(
        auroc=bootstrap(lambda index: _mean_auroc(seeds, defective, index), blocks(rows)),
        spread=(min(each), max(each)),
        auroc_certain=float(np.mean([auroc(scores[certain], defective[certain]) for scores in seeds])),
        macro_f1=float(np.mean([f1_score(defective, calls, average="macro") for calls in called])),
        escape=float(np.mean([(~calls & defective).sum() / max(1, defective.sum()) for calls in called])),
        overkill=float(np.mean([(calls & ~defective).sum() / max(1, (~defective).sum()) for calls in called])),
    )


def difference(ours: Sequence[Scores], theirs: Sequence[Scores], defective: Flags, rows: Sequence[int]) -> Interval:
    """AUROC of ours less theirs, on the same drawn cells each time (paired)."""
    return bootstrap(lambda index: _mean_auroc(ours, defective, index) - _mean_auroc(theirs, defective, index), blocks(rows))


def _mean_auroc(seeds: Sequence[Scores], defective: Flags, index: NDArray[np.int64]) -> float:
    return float(np.mean([auroc(scores[index], defective[index]) for scores in seeds]))


def auroc(scores: Scores, defective: Flags) -> float:
    """Area under the ROC curve, ties counted half; nan where only one class is there."""
    bad = int(defective.sum())
    good = len(defective) - bad
    if not bad or not good:
        return float("nan")
    return float((rankdata(scores)[defective].sum() - bad * (bad + 1) / 2) / (bad * good))


def blocks(rows: Sequence[int]) -> list[NDArray[np.int64]]:
    """Positions within `rows`, cut where rows are not neighbours and every BLOCK of them."""
    numbers = np.asarray(rows)
    starts = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1), len(numbers)]
    return [np.arange(begin, min(begin + BLOCK, end)) for first, end in pairwise(starts) for begin in range(first, end, BLOCK)]


def share(of: Flags, among: Flags, rows: Sequence[int], *, seed: int = 0) -> Interval:
    """The share of `among` that is also `of`, with the interval that `bootstrap` would give, for less work: blocks are counted once."""
    counts = np.array([((of & among)[part].sum(), among[part].sum()) for part in blocks(rows)], np.float64)
    drawn = counts[np.random.default_rng(seed).integers(len(counts), size=(DRAWS, len(counts)))].sum(1)
    some = drawn[drawn[:, 1] > 0]
    low, high = np.quantile(some[:, 0] / some[:, 1], [0.025, 0.975])
    return Interval(float(counts[:, 0].sum() / counts[:, 1].sum()), float(low), float(high))


def bootstrap(figure: Callable[[NDArray[np.int64]], float], parts: list[NDArray[np.int64]], *, seed: int = 0) -> Interval:
    """The figure on all parts, and its 95 % interval over parts drawn with replacement."""
    rng = np.random.default_rng(seed)
    drawn = [figure(np.concatenate([parts[i] for i in rng.integers(len(parts), size=len(parts))])) for _ in range(DRAWS)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Interval(figure(np.concatenate(parts)), float(low), float(high))
