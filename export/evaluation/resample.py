"""Intervals from a bootstrap over blocks of neighbours: 2,000 draws, the same ones for every scorer of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from export.evaluation.case import Flags, Scores
from export.findings.figures import Figure

RESAMPLES = 2_000
"""50 of them lie below the 2.5 % quantile."""
LEAST_OF_A_CLASS = 5
"""With fewer good or defective pictures the resamples are nearly all alike, and their interval is far too narrow."""


class Resampler:
    """Draws of the blocks of one target; `block_of` int64 (N,) numbers the block of each picture, from 0 without gaps."""

    def __init__(self, block_of: NDArray[np.int64], bad: Flags, *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        self.blocks = int(block_of.max()) + 1
        self.bad = bad
        classes = [count for count in (int(bad.sum()), int((~bad).sum())) if count]
        self._tells = self.blocks > 1 and min(classes) >= LEAST_OF_A_CLASS
        self._block_of = block_of
        rng = np.random.default_rng(seed)
        self._draws = rng.multinomial(self.blocks, np.full(self.blocks, 1 / self.blocks), size=resamples).astype(np.float64)

    def drawn_counts(self, flags: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of flags (F, N) in each resample, float64 (R, F)."""
        by_block = np.stack([np.bincount(self._block_of, one, minlength=self.blocks) for one in flags], 1)
        return np.asarray(self._draws @ by_block)

    def aurocs(self, seeds: Sequence[Scores], judged: Flags) -> Scores:
        """The mean AUROC of seeds (N,) over the `judged` pictures in each resample, float64 (R,), nan where there is one class only.

        AUROC counts the pairs of a defective and a good picture that are in order. Each pair of blocks is counted once, and then as often
        as the two are drawn.
        """
        bad, good = (np.flatnonzero(judged & side) for side in (self.bad, ~self.bad))
        bad, good = (rows[np.argsort(self._block_of[rows], kind="stable")] for rows in (bad, good))
        if not len(bad) or not len(good):
            return np.full(len(self._draws), np.nan)
        (bad_blocks, bad_starts), (good_blocks, good_starts) = (np.unique(self._block_of[rows], return_index=True) for rows in (bad, good))
        in_order = np.zeros((len(bad_blocks), len(good_blocks)))
        for scores in seeds:
            pairs = np.sign(scores[bad][:, None] - scores[good][None, :]) / 2 + 0.5
            in_order += np.add.reduceat(np.add.reduceat(pairs, bad_starts, 0), good_starts, 1) / len(seeds)
        of_bad, of_good = self._draws[:, bad_blocks], self._draws[:, good_blocks]
        count = (of_bad @ np.diff([*bad_starts, len(bad)])) * (of_good @ np.diff([*good_starts, len(good)]))
        return np.divide(((of_bad @ in_order) * of_good).sum(1), count, out=np.full(len(count), np.nan), where=count > 0)

    def figure(self, value: float | None, resampled: Scores) -> Figure | None:
        """A figure with the 95 % interval of its resamples; without one where there is too little to draw or most draws say nothing."""
        if value is None or np.isnan(value):
            return None
        finite = resampled[np.isfinite(resampled)]
        if not self._tells or 2 * len(finite) < len(resampled):
            return Figure(value=value)
        low, high = np.quantile(finite, [0.025, 0.975])
        return Figure(value=value, low=float(low), high=float(high))
