"""The first part of a trial: a bundle reproduces its golden verdicts on this box, and is not much slower than the one that runs."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.errors import TrialError
from edge.inspection.golden import compare
from edge.trial.candidate import Looked
from edge.trial.limits import TrialLimits
from firmware_config.bundle import Golden
from firmware_config.labels import Label

ROUNDS, ROUNDS_S = 3, 20.0
"""So often the golden pictures are timed at most, and for so long; of each picture the shortest time counts: other work disturbs some."""

SHARE = 0.95


class GoldenPictures(Protocol):
    """Whoever inspects the golden pictures of a bundle by their numbers."""

    def golden(self, number: int) -> Looked:
        """Inspect a golden picture."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How many golden verdicts were reproduced, and what a picture costs: milliseconds that 95 % of them stay below."""

    pictures: int
    cost_ms: float


def cost_of(candidate: GoldenPictures, count: int, *, on_gpu: bool) -> float:
    """What a golden picture of the running bundle costs, in milliseconds; the first inspection warms up and does not count.

    Raises:
        TrialError, StoppedError: as of `Candidate.golden`.
    """
    candidate.golden(0)
    costs = [math.inf] * count
    for _ in range(ROUNDS - 1):
        costs = [min(before, _cost(candidate.golden(number), on_gpu=on_gpu)) for number, before in enumerate(costs)]
    return percentile(costs)


def prove(
    candidate: GoldenPictures,
    golden: Sequence[Golden],
    labels: Sequence[Label],
    *,
    limits: TrialLimits,
    running_ms: float | None,
    on_gpu: bool,
    called: str,
) -> Proof:
    """Compare each golden verdict, then the time; `labels` are those of the golden station, `running_ms` the cost of the running bundle.

    Raises:
        TrialError: a verdict is another one, or it is too slow; or as of `Candidate.golden`, like StoppedError.
    """
    if not golden:
        msg = f"{called}: it has no golden pictures, so nothing says that it works on this box: build it with some"
        raise TrialError(msg)
    candidate.golden(0)
    costs = [math.inf] * len(golden)
    allowed_ms = max(limits.fast_enough_ms, limits.slower * (running_ms or 0.0))
    until = time.monotonic() + ROUNDS_S
    for round_ in range(ROUNDS):
        for number, one in enumerate(golden):
            looked = candidate.golden(number)
            _require_same(one, looked, labels, called)
            costs[number] = min(costs[number], _cost(looked, on_gpu=on_gpu))
        if percentile(costs) <= allowed_ms or (round_ and time.monotonic() > until):
            break
    cost_ms = percentile(costs)
    if cost_ms > allowed_ms:
        beside = "" if running_ms is None else f", the running bundle {running_ms:.0f} ms"
        msg = (
            f"{called}: a golden picture takes {cost_ms:.0f} ms{'' if on_gpu else ' of processor time'}{beside}: {allowed_ms:.0f} are "
            "allowed: build a faster bundle, or raise KOTOBA_TRIAL_SLOWER"
        )
        raise TrialError(msg)
    return Proof(len(golden), cost_ms)


def percentile(values: Sequence[float], share: float = SHARE) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _require_same(golden: Golden, looked: Looked, labels: Sequence[Label], called: str) -> None:
    comparison = compare(golden, looked.inspection, labels)
    if comparison.is_same:
        return
    now = comparison.decision.value
    if comparison.label is not None and comparison.probability is not None:
        now += f" ({comparison.label}, {comparison.probability:.3f})"
    why = f": {looked.inspection.detail}" if looked.inspection.detail else ""
    msg = (
        f"{called}: {golden.picture} is {now} on this box, its certified verdict is {golden.decision} ({golden.label}, "
        f"{golden.probability:.3f}){why}"
    )
    raise TrialError(msg)


def _cost(looked: Looked, *, on_gpu: bool) -> float:
    """On a processor the time of all its cores: the clock would also show what the running bundle takes away."""
    return looked.wall_ms if on_gpu else looked.cpu_ms
