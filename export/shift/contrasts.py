"""Does one representation shift less than another? The mean difference over all pairs of domains, with draws of blocks that both share.

The interval says what other blocks of these domains would give. It does not say what other domains would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export.findings.figures import Figure
from export.findings.shift import Answer, Contrast, Representation, Shift
from export.shift.blocks import Floats

CONTRASTS: tuple[tuple[Representation, Representation], ...] = (
    ("text", "vision"),
    ("judge", "vision"),
    ("judge", "text"),
    ("text", "pixels"),
)
"""(less, more): what the method claims to shift less, and what it claims to shift more."""


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A shift, and its figures with all blocks (first) and in each draw, float64 (1 + draws,). `drops` is None where none is known."""

    shift: Shift
    distances: Floats
    drops: Floats | None


def contrasts(found: Sequence[Sampled]) -> tuple[Contrast, ...]:
    """Each of CONTRASTS of which both representations were measured."""
    by_name = {(one.shift.representation, one.shift.source, one.shift.target): one for one in found}
    made = []
    for less, more in CONTRASTS:
        pairs = [
            (one, by_name[more, one.shift.source, one.shift.target])
            for one in found
            if one.shift.representation == less and (more, one.shift.source, one.shift.target) in by_name
        ]
        if not pairs:
            continue
        apart = figure_of(np.array([upper.distances - lower.distances for lower, upper in pairs]))
        drops = [upper.drops - lower.drops for lower, upper in pairs if lower.drops is not None and upper.drops is not None]
        dropped = figure_of(np.array(drops)) if drops else None
        made.append(
            Contrast(
                less=less,
                more=more,
                a_distance=apart,
                drop=dropped,
                by_a_distance=answer(apart),
                by_drop=answer(dropped) if dropped else None,
            )
        )
    return tuple(made)


def answer(difference: Figure) -> Answer:
    """What an interval of a difference says."""
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return "no difference shown"
    return "yes" if difference.low > 0 else "no"


def figure_of(draws: Floats) -> Figure:
    """The figure with its 95 % interval; `draws` float64 (1 + draws,), or (pairs, 1 + draws) of which the mean is taken.

    A draw that left out all pictures of a class has no figure.
    """
    means = np.atleast_2d(draws)
    known = ~np.isnan(means)
    counted = known.sum(0)
    values = np.divide(np.where(known, means, 0).sum(0), counted, out=np.full(means.shape[1], np.nan), where=counted > 0)
    drawn = values[1:][~np.isnan(values[1:])]
    if not len(drawn):
        return Figure(value=float(values[0]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Figure(value=float(values[0]), low=float(low), high=float(high))
