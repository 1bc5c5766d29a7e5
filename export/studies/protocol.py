"""The statistics of the studies: AUROC, rates at a threshold, and their confidence intervals.

Thresholds are chosen on the source validation cells only, never on a measured set. Neighbouring cells come from one module, so intervals
come from a bootstrap over blocks of neighbours, not over single cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import f1_score

RESAMPLES = 2_000
"""Bootstrap resamples: 50 of them are below the 2.5 % quantile."""
BLOCK_CELLS = 30
"""Neighbouring cells in a block: half a module of 60 cells."""
RULE_OF_THREE = 3.0
"""If an event was not seen in N trials, the upper 95 % limit of its rate is 3 / N."""

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
    """The quality of one scorer on one set, as the mean over its seeds; `spread` is the lowest and highest AUROC of a seed.

    `auroc_certain` counts only the cells on whose label all labellers agreed. `escape` and `overkill` are shares, 0..1.
    """

    auroc: Interval
    spread: tuple[float, float]
    auroc_certain: float
    macro_f1: float
    escape: float
    overkill: float


def best_threshold(scores: Scores, defective: Flags) -> float:
    """The threshold with the highest macro-F1. `scores` float64 (N,), higher is more defective; `defective` bool (N,)."""
    candidates = np.unique(scores)
    middles = (candidates[1:] + candidates[:-1]) / 2 if len(candidates) > 1 else candidates
    return float(max(middles, key=lambda threshold: f1_score(defective, scores > threshold, average="macro")))


def quality(seeds: Sequence[Scores], thresholds: Sequence[float], defective: Flags, certain: Flags, rows: Sequence[int]) -> Quality:
    """Measure scores of cells, one array (N,) and threshold for each seed; a higher score is more defective.

    `defective` and `certain` bool (N,); `rows` are the positions of the cells in the data set, from which the blocks follow.
    """
    calls_by_seed = [scores > threshold for scores, threshold in zip(seeds, thresholds, strict=True)]
    aurocs = [auroc(scores, defective) for scores in seeds]
    return Quality(
        auroc=_interval(float(np.mean(aurocs)), _resampled_aurocs(seeds, defective, rows)),
        spread=(min(aurocs), max(aurocs)),
        auroc_certain=float(np.mean([auroc(scores[certain], defective[certain]) for scores in seeds])),
        macro_f1=float(np.mean([f1_score(defective, calls, average="macro") for calls in calls_by_seed])),
        escape=float(np.mean([(~calls & defective).sum() / max(1, defective.sum()) for calls in calls_by_seed])),
        overkill=float(np.mean([(calls & ~defective).sum() / max(1, (~defective).sum()) for calls in calls_by_seed])),
    )


def difference(scores: Sequence[Scores], baseline: Sequence[Scores], defective: Flags, rows: Sequence[int]) -> Interval:
    """AUROC of `scores` minus AUROC of `baseline`, with a paired bootstrap. Arguments as for `quality`."""
    value, of_baseline = (float(np.mean([auroc(one, defective) for one in seeds])) for seeds in (scores, baseline))
    return _interval(value - of_baseline, _resampled_aurocs(scores, defective, rows) - _resampled_aurocs(baseline, defective, rows))


def _resampled_aurocs(seeds: Sequence[Scores], defective: Flags, rows: Sequence[int]) -> Scores:
    """The mean AUROC of the seeds in each resample of `bootstrap`, float64 (RESAMPLES,), nan for one with only one class.

    AUROC counts the pairs of a defective and a good cell that are in order. Each pair of blocks is counted once, and then as often as the
    two are drawn.
    """
    parts = blocks(rows)
    inside = np.zeros((len(parts), len(defective)))
    for number, part in enumerate(parts):
        inside[number, part] = 1
    bad, good = inside[:, defective], inside[:, ~defective]
    in_order = np.zeros((len(parts), len(parts)))
    for scores in seeds:
        differences = scores[defective][:, None] - scores[~defective][None, :]
        in_order += bad @ (np.sign(differences) / 2 + 0.5) @ good.T / len(seeds)
    drawn = np.random.default_rng(0).integers(len(parts), size=(RESAMPLES, len(parts)))
    counts = np.stack([np.bincount(one, minlength=len(parts)) for one in drawn]).astype(np.float64)
    pairs = (counts @ bad.sum(1)) * (counts @ good.sum(1))
    return np.divide(((counts @ in_order) * counts).sum(1), pairs, out=np.full(RESAMPLES, np.nan), where=pairs > 0)


def _interval(value: float, resampled: Scores | Sequence[float]) -> Interval:
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def auroc(scores: Scores, defective: Flags) -> float:
    """Area under the ROC curve, with ties counted half; nan if there is only one class."""
    bad = int(defective.sum())
    good = len(defective) - bad
    if not bad or not good:
        return float("nan")
    return float((rankdata(scores)[defective].sum() - bad * (bad + 1) / 2) / (bad * good))


def blocks(rows: Sequence[int]) -> list[NDArray[np.int64]]:
    """Split `rows` into blocks of up to BLOCK_CELLS consecutive numbers; each block is an array of positions in `rows`."""
    numbers = np.asarray(rows)
    starts = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1), len(numbers)]
    return [np.arange(begin, min(begin + BLOCK_CELLS, end)) for first, end in pairwise(starts) for begin in range(first, end, BLOCK_CELLS)]


def share(of: Flags | Scores, among: Flags, rows: Sequence[int], *, seed: int = 0) -> Interval:
    """The share of the cells `among`, bool (N,), that are also `of`, bool (N,), or its mean over seeds, float64 (N,).

    The interval is that of `bootstrap`, computed faster: each block is counted once.
    """
    counts = np.array([((of * among)[block].sum(), among[block].sum()) for block in blocks(rows)], np.float64)
    resampled = counts[np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))].sum(1)
    nonempty = resampled[resampled[:, 1] > 0]
    low, high = np.quantile(nonempty[:, 0] / nonempty[:, 1], [0.025, 0.975])
    return Interval(float(counts[:, 0].sum() / counts[:, 1].sum()), float(low), float(high))


def bootstrap(figure: Callable[[NDArray[np.int64]], float], parts: list[NDArray[np.int64]], *, seed: int = 0) -> Interval:
    """The figure of all parts (arrays of positions), and its 95 % interval over resamples of parts with replacement."""
    rng = np.random.default_rng(seed)
    resampled = [figure(np.concatenate([parts[i] for i in rng.integers(len(parts), size=len(parts))])) for _ in range(RESAMPLES)]
    return _interval(figure(np.concatenate(parts)), resampled)
