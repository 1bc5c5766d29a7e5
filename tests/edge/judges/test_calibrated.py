from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from edge.inspection.policy import Limits, decide, limits_of
from edge.judges.calibrated import CalibratedJudge
from edge.judges.scripted import ScriptedJudge
from edge.records import Decision, Reason, Scores
from firmware_config.calibration import Calibration, labels_of
from firmware_config.errors import CalibrationError
from tests.support.calibrations import FITTED_FOR, WORDS, calibration, raw_scores
from tests.support.sample_records import BUNDLE, description, station

PATH = Path("cell.json")
LABELS = labels_of(station().labels)


def judge(made: Calibration, scores: Scores) -> CalibratedJudge:
    return CalibratedJudge(ScriptedJudge(lambda _: scores), made, path=PATH, bundle=BUNDLE, words=WORDS, labels=LABELS)


def test_probabilities_are_those_of_the_calibration_and_say_which() -> None:
    made = calibration(scale={"kind": "logistic", "slope": 1.0, "shift": math.log(4)})

    found = judge(made, raw_scores(0.0, 0.0, -50.0)).score(description())

    assert found.probabilities == pytest.approx((0.2, 0.8, 0.0))
    assert found.calibrated
    assert found.calibration == made.digest
    assert found.log_likelihoods == (0.0, 0.0, -50.0)


@pytest.mark.parametrize(
    ("scores", "possible"),
    [((0.0, -9.0, -9.0), ("good",)), ((0.0, -0.4, -9.0), ("good", "crack")), ((-9.0, 0.0, -0.1), ("crack", "unclear"))],
)
def test_all_labels_of_each_possible_decision_are_possible(scores: tuple[float, ...], possible: tuple[str, ...]) -> None:
    assert judge(calibration(), raw_scores(*scores)).score(description()).possible == possible


def test_a_picture_that_could_be_either_is_for_a_person_to_see() -> None:
    found = judge(calibration(), raw_scores(0.0, -0.4, -9.0)).score(description())
    verdict = decide(description(), found, labels=station().labels, limits=Limits())
    assert (verdict.decision, verdict.reasons) == (Decision.REVIEW, (Reason.AMBIGUOUS,))


@pytest.mark.parametrize(
    "other",
    [
        {"bundle": "sha256:" + "3" * 64},
        {"prompt": "sha256:" + "3" * 64},
        {"adapter": None},
        {"method": "generate"},
        {"words": "sha256:" + "3" * 64},
        {"labels": {"good": "ok", "crack": "ng"}},
        {"labels": {"good": "ok", "crack": "ng", "unclear": "ng"}},
        {"labels": {"crack": "ng", "good": "ok", "unclear": "review"}},
    ],
)
def test_a_calibration_of_another_judge_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(CalibrationError) as caught:
        judge(calibration(other), raw_scores(0.0, 0.0, 0.0))
    said = str(caught.value)
    assert said.startswith("calibration cell.json was fitted for ")
    assert "\n" not in said


def test_a_judge_that_does_not_say_by_what_it_judges_cannot_be_calibrated() -> None:
    with pytest.raises(CalibrationError, match=r"for instruction sha256:1+, but the station judges with none"):
        judge(calibration(), raw_scores(0.0, 0.0, 0.0, prompt=None))


@pytest.mark.parametrize(("demanded", "decision"), [(0.8, Decision.OK), (0.99, Decision.REVIEW), (None, Decision.REVIEW)])
def test_an_ok_needs_what_the_stations_calibration_demands(demanded: float | None, decision: Decision) -> None:
    made = judge(calibration(escape={"rate": 0.02, "min_ok_confidence": demanded}), raw_scores(3.0, 0.0, -9.0))

    verdict = decide(description(), made.score(description()), labels=station().labels, limits=limits_of(station(), made.escape))

    assert verdict.decision is decision
    assert verdict.reasons == (() if decision is Decision.OK else (Reason.LOW_CONFIDENCE,))


def test_a_station_without_calibration_demands_nothing_more() -> None:
    assert limits_of(station(), None).min_ok_confidence == 0.0


def test_a_station_that_describes_or_crops_otherwise_has_other_words() -> None:
    others = [station(describe={"filter": True}), station(picture={"roi": [[0, 0], [1, 0], [1, 1]]})]

    assert len({one.describing_digest for one in (station(), *others)}) == 3
    assert station(judge={"min_confidence": 0.9}, picture={"allow_printed_text": True}).describing_digest == station().describing_digest


def test_the_sample_fits_the_sample_station() -> None:
    assert FITTED_FOR["labels"] == LABELS
