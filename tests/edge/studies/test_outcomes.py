from __future__ import annotations

from dataclasses import replace

import pytest

from edge.calibration.fit import make_calibration
from edge.calibration.sample import Sample
from edge.errors import EdgeError
from edge.records import Decision
from edge.studies.calibrate_report import report
from edge.studies.labelled import LabelledPictures, match
from edge.studies.outcomes import Outcomes, count, cross_fitted_verdicts, verdicts
from firmware_config.calibration import Calibration
from firmware_config.obstacles import Kind, Obstacle
from tests.support.calibrations import lines
from tests.support.sample_records import MODELS, MOMENT, station

VALUES = ("bundle", "adapter", "adapters")


def labelled(number: int) -> LabelledPictures:
    inspected, labels = lines(number)
    return match(inspected, labels, station(), MODELS)


def examples(pictures: LabelledPictures) -> list[tuple[tuple[float, ...], frozenset[str]]]:
    return [(picture.scores.log_likelihoods, frozenset(picture.allowed)) for picture in pictures.pictures]


def calibrate(pictures: LabelledPictures, *more: tuple[tuple[float, ...], frozenset[str]]) -> Calibration:
    return make_calibration([*examples(pictures), *more], pictures.fitted_for, kind="logistic", escape=0.05, coverage=0.9, made_at=MOMENT)


def test_a_picture_that_is_added_to_those_of_the_lines_counts() -> None:
    calibration = calibrate(labelled(60), ((0.0, 1.0, -6.0), frozenset({"crack"})))
    assert (calibration.good, calibration.bad) == (30, 31)


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(EdgeError, match="at least 10 of each"):
        calibrate(labelled(4))


def test_verdicts_of_a_block_come_from_a_rule_fitted_on_the_other_blocks() -> None:
    pictures = labelled(120)
    calibration = calibrate(pictures)
    judged = [(picture.description, picture.scores) for picture in pictures.pictures]

    decisions = cross_fitted_verdicts(judged, Sample.of(examples(pictures), pictures.fitted_for.labels), calibration.rule, station())

    assert len(decisions) == 120
    assert decisions != verdicts(judged, calibration.rule, station())


def test_outcomes_are_counted_by_the_right_label() -> None:
    decisions = [Decision.OK, Decision.OK, Decision.NG, Decision.NG, Decision.REVIEW, Decision.FAULT]
    outcomes = count(decisions, [True, False, True, False, True, False])
    assert outcomes == Outcomes(good=3, bad=3, escapes=1, passes=1, overkills=1, reviews=1)
    assert (outcomes.escape, outcomes.overkill, outcomes.review) == pytest.approx((1 / 3, 1 / 3, 1 / 6))


def test_the_report_has_the_same_lines_in_both_languages() -> None:
    outcomes = Outcomes(good=60, bad=60, escapes=1, passes=30, overkills=2, reviews=30)
    pictures = replace(labelled(120), faults=1, unlabelled=2)
    calibration, found = calibrate(labelled(120)), (Obstacle(Kind.NO_OK_LABEL), Obstacle(Kind.UNTUNED, dict.fromkeys(VALUES, "x")))
    english = report(calibration, outcomes, obstacles=found, labelled=pictures, language="en")
    japanese = report(calibration, outcomes, obstacles=found, labelled=pictures, language="ja")
    assert len(english) == len(japanese)
