"""What live pictures say about a bundle in trial."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.errors import TrialError
from edge.inspection.policy import fault
from edge.records import Decision, Inspection, Reason, Verdict
from edge.trial.comparison import Comparison, is_comparable
from edge.trial.limits import TrialLimits
from tests.support.inspections import FULL

CALLED = "bundle x version 2"
OK, NG, REVIEW = Decision.OK, Decision.NG, Decision.REVIEW


def limits(*, max_passed: float = 0.1, max_disagreed: float = 1.0) -> TrialLimits:
    return TrialLimits(
        memory_bytes=1, fast_enough_ms=0, slower=2, shadow_s=1, pictures=1, max_passed=max_passed, max_disagreed=max_disagreed
    )


def decided(decision: Decision, *reasons: Reason) -> Inspection:
    return replace(FULL, verdict=Verdict(decision, "crack", 0.9, reasons))


def compared(**counts: tuple[Decision, Decision, int]) -> Comparison:
    comparison = Comparison()
    for running, tried, count in counts.values():
        for _ in range(count):
            comparison.add(decided(running), decided(tried), called=CALLED)
    return comparison


def test_pictures_are_counted_by_what_both_say() -> None:
    seen = compared(a=(OK, OK, 90), b=(NG, NG, 6), c=(NG, OK, 1), d=(NG, REVIEW, 2), e=(OK, NG, 1))
    assert (seen.pictures, seen.disagreed, seen.rejected, seen.passed) == (100, 4, 9, 1)
    assert str(seen) == "otherwise on 4 of 100 live pictures (4.0%), OK to 1 of 9 rejected ones"


def test_one_rejected_picture_of_ten_may_pass() -> None:
    compared(a=(NG, NG, 9), b=(NG, OK, 1)).require(limits(), called=CALLED)


def test_one_rejected_picture_of_nine_is_too_many() -> None:
    with pytest.raises(
        TrialError, match=r"^bundle x version 2: it says OK to 1 of 9 pictures that the running bundle rejects, at most 10%"
    ):
        compared(a=(NG, NG, 8), b=(NG, OK, 1)).require(limits(), called=CALLED)


def test_a_person_may_allow_that_all_pass() -> None:
    compared(a=(NG, OK, 10)).require(limits(max_passed=1.0), called=CALLED)


def test_disagreement_alone_sends_nothing_back_unless_a_person_says_so() -> None:
    seen = compared(a=(OK, REVIEW, 10))
    seen.require(limits(), called=CALLED)
    with pytest.raises(TrialError, match="it decides otherwise on 10 of 10 pictures, at most 50% are allowed"):
        seen.require(limits(max_disagreed=0.5), called=CALLED)


@pytest.mark.parametrize("reason", [Reason.DESCRIBE_FAILED, Reason.JUDGE_FAILED, Reason.NO_WORDS])
def test_models_that_fail_once_are_enough(reason: Reason) -> None:
    failed = replace(FULL, verdict=fault(reason), detail="CLIP failed on a picture")
    with pytest.raises(TrialError, match=r"its models fail on picture .* \(CLIP failed on a picture\)"):
        Comparison().add(decided(OK), failed, called=CALLED)


def test_pictures_that_the_running_bundle_has_not_judged_say_nothing() -> None:
    assert is_comparable(decided(OK))
    assert is_comparable(decided(REVIEW, Reason.LOW_CONFIDENCE))
    assert not is_comparable(decided(REVIEW, Reason.LATE))
    assert not is_comparable(replace(FULL, scores=None, verdict=fault(Reason.DARK)))
    assert not is_comparable(replace(FULL, verdict=fault(Reason.JUDGE_FAILED)))
    assert not is_comparable(replace(FULL, verdict=fault(Reason.SPOOL_FULL)))


@pytest.mark.parametrize(("slower", "deadline_ms", "holds"), [(1.9, 150, False), (1.4, 150, True), (1.0, 90, True), (1.9, None, True)])
def test_a_slower_bundle_must_keep_to_the_deadline_of_a_station(slower: float, deadline_ms: int | None, *, holds: bool) -> None:
    comparison = Comparison(slower=slower, deadlines_ms={} if deadline_ms is None else {FULL.station: deadline_ms})
    for _ in range(20):
        comparison.add(replace(decided(OK), timings_ms=(("clip", 60.0), ("judge", 40.0))), decided(OK), called=CALLED)
    if holds:
        comparison.require(limits(), called=CALLED)
        return
    with pytest.raises(
        TrialError, match=rf"1.9 times as long .* 20 of 20 live pictures of {FULL.station} would miss its deadline_ms of 150"
    ):
        comparison.require(limits(), called=CALLED)
