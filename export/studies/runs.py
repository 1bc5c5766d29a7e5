"""Leave one production run out: train on nine runs of the real cells, measure on the tenth.

A run is a domain of its own: other modules, other light, other shares of defects. A random split would put cells of one module on both
sides and flatter everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.studies.protocol import Flags, Interval, Scores, auroc, blocks, bootstrap

RUNS = (
    range(60), range(60, 360), range(360, 540), range(540, 900), range(900, 1614), range(1614, 2144), range(2144, 2216), range(2216, 2396),
    range(2396, 2444), range(2444, 2624),
)  # fmt: skip
"""Rows of the ten runs in the data set, by their order there: mono and poly in turn, the first one mono."""

Scorer = Callable[[Sequence[int], Sequence[int]], Scores]
"""From the rows to train on and the rows to measure: the scores of the latter, float64 (N,) or one column for each of several scorers."""


@dataclass(frozen=True, slots=True)
class RunsQuality:
    """AUROC of scores that never saw the run they are of: of all cells together, as the mean over runs, and by run."""

    pooled: Interval
    mean: Interval
    by_run: tuple[float, ...]


def splits() -> Iterator[tuple[list[int], range]]:
    """For each run, the rows of the nine others and its own rows."""
    for run in RUNS:
        yield [row for other in RUNS if other != run for row in other], run


def leave_one_run_out(scorer: Scorer) -> Scores:
    """Scores of all cells, float64 (2624,) or (2624, K), each from a scorer that was trained without the cell's run."""
    return np.concatenate([scorer(training, measured) for training, measured in splits()])


def runs_quality(seeds: Sequence[Scores], defective: Flags) -> RunsQuality:
    """Measure scores of all cells, one array (2624,) for each seed; `defective` bool (2624,).

    The intervals resample blocks of neighbours from all runs. A run that a resample leaves without good or without defective cells does not
    count in its mean.
    """
    parts = [run.start + block for run in RUNS for block in blocks(run)]
    run_of_row = np.repeat(np.arange(len(RUNS)), [len(run) for run in RUNS])

    def pooled(index: NDArray[np.int64]) -> float:
        return float(np.mean([auroc(scores[index], defective[index]) for scores in seeds]))

    def mean(index: NDArray[np.int64]) -> float:
        by_run = [index[run_of_row[index] == run] for run in range(len(RUNS))]
        return float(np.mean([np.nanmean([auroc(scores[part], defective[part]) for part in by_run]) for scores in seeds]))

    by_run = tuple(float(np.mean([auroc(scores[run], defective[run]) for scores in seeds])) for run in map(list, RUNS))
    return RunsQuality(bootstrap(pooled, parts), bootstrap(mean, parts), by_run)
