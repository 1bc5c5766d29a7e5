"""From labelled pictures to a station's calibration and what the line would have got: `kotoba-edge calibrate` and taught bundles use it."""

from __future__ import annotations

from datetime import datetime

from edge.calibration.fit import make_calibration
from edge.calibration.sample import Sample
from edge.calibration.scales import Kind
from edge.studies.labelled import LabelledPictures
from edge.studies.outcomes import Outcomes, count, cross_fitted_verdicts
from firmware_config.calibration import COVERAGE, ESCAPE, Calibration
from firmware_config.station import Station


def calibrate(
    labelled: LabelledPictures,
    station: Station,
    *,
    kind: Kind = "logistic",
    escape: float = ESCAPE,
    coverage: float = COVERAGE,
    made_at: datetime,
) -> tuple[Calibration, Outcomes]:
    """Fit a calibration, with the rates of its cross-fitted verdicts among its figures; also returns the counts behind these.

    Raises:
        EdgeError: too few good or bad pictures.
    """
    examples = [(picture.scores.log_likelihoods, picture.allowed) for picture in labelled.pictures]
    calibration = make_calibration(examples, labelled.fitted_for, kind=kind, escape=escape, coverage=coverage, made_at=made_at)
    sample = Sample.of(examples, labelled.fitted_for.labels)
    judged = [(picture.description, picture.scores) for picture in labelled.pictures]
    outcomes = count(cross_fitted_verdicts(judged, sample, calibration.rule, station), sample.bad.tolist())
    rates = {"escape": outcomes.escape, "overkill": outcomes.overkill, "review": outcomes.review}
    figures = {**calibration.figures, **{name: round(rate, 4) for name, rate in rates.items()}}
    return calibration.model_copy(update={"figures": figures}), outcomes
