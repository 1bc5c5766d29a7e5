"""Golden verdicts and the time that they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.errors import TrialError
from edge.records import Decision, Verdict
from edge.trial.candidate import Looked
from edge.trial.limits import TrialLimits
from edge.trial.proof import Proof, cost_of, percentile, prove
from firmware_config.bundle import Golden
from tests.support.inspections import FULL
from tests.support.sample_records import LABELS, scores, station

STATION = station()
GOLDEN = tuple(Golden(picture=f"golden/{n}.png", decision="NG", label="crack", probability=0.9) for n in range(4))
LIMITS = TrialLimits(memory_bytes=1, fast_enough_ms=0, slower=2, shadow_s=1, pictures=1, max_passed=0.1, max_disagreed=1)
VERDICT = Verdict(Decision.NG, LABELS[1], 0.9)


class Scripted:
    """Inspects at once; what it says it took follows a script of (number, how often it was asked before)."""

    def __init__(self, cpu_ms: Callable[[int, int], float], *, verdict: Callable[[int], Verdict] = lambda _: VERDICT) -> None:
        self._cpu_ms = cpu_ms
        self._verdict = verdict
        self.asked: list[int] = []

    def golden(self, number: int) -> Looked:
        inspection = replace(FULL, verdict=self._verdict(number), scores=scores(0.07, 0.9, 0.03), detail=None)
        took = self._cpu_ms(number, self.asked.count(number))
        self.asked.append(number)
        return Looked(inspection, wall_ms=2 * took, cpu_ms=took)


def proven(candidate: Scripted, running_ms: float | None = 100.0, *, limits: TrialLimits = LIMITS, on_gpu: bool = False) -> Proof:
    return prove(candidate, GOLDEN, STATION.labels, limits=limits, running_ms=running_ms, on_gpu=on_gpu, called="bundle x")


def test_a_bundle_that_keeps_to_all_is_looked_at_once() -> None:
    candidate = Scripted(lambda _n, _before: 150.0)
    assert proven(candidate) == Proof(4, 150.0)
    assert candidate.asked == [0, 0, 1, 2, 3]


def test_another_verdict_is_named_with_the_certified_one() -> None:
    other = Verdict(Decision.OK, LABELS[0], 0.9)
    candidate = Scripted(lambda _n, _before: 1.0, verdict=lambda number: other if number == 2 else VERDICT)
    expected = r"^bundle x: golden/2.png is OK \(good, 0.900\) on this box, its certified verdict is NG \(crack, 0.900\)$"
    with pytest.raises(TrialError, match=expected):
        proven(candidate)
    assert candidate.asked[-1] == 2


def test_three_times_as_slow_is_too_slow() -> None:
    with pytest.raises(TrialError, match=r"takes 300 ms of processor time, the running bundle 100 ms: 200 are allowed"):
        proven(Scripted(lambda _n, _before: 300.0))


def test_a_time_that_was_disturbed_is_taken_again() -> None:
    candidate = Scripted(lambda number, before: 900.0 if number == 3 and before < 2 else 110.0)
    assert proven(candidate) == Proof(4, 110.0)
    assert candidate.asked.count(3) == 3


def test_what_is_fast_enough_is_never_too_slow() -> None:
    proven(Scripted(lambda _n, _before: 300.0), limits=replace(LIMITS, fast_enough_ms=400.0))


def test_on_a_gpu_the_clock_counts() -> None:
    with pytest.raises(TrialError, match=r"takes 300 ms, the running bundle 100 ms"):
        proven(Scripted(lambda _n, _before: 150.0), on_gpu=True)


def test_without_golden_pictures_nothing_is_proven() -> None:
    with pytest.raises(TrialError, match="it has no golden pictures"):
        prove(Scripted(lambda _n, _b: 1.0), (), STATION.labels, limits=LIMITS, running_ms=1.0, on_gpu=False, called="bundle x")


def test_the_running_bundle_is_warm_before_it_is_timed() -> None:
    running = Scripted(lambda _number, before: 500.0 if before == 0 and not running.asked else 100.0)
    assert cost_of(running, 4, on_gpu=False) == 100.0


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([float(n) for n in range(1, 101)]) == 95.0
    assert percentile([1.0, 2.0, 3.0]) == 3.0
    assert percentile([7.0]) == 7.0
