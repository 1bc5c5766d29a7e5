"""From pictures to a station's calibration and what the line would have got: `kotoba-edge calibrate` and taught bundles use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from edge.calibration.fit import carried_over, make_calibration
from edge.calibration.sample import Sample
from edge.calibration.scales import Kind
from edge.errors import EdgeError
from edge.inspection.policy import is_unfamiliar
from edge.records import Decision
from edge.studies.labelled import LabelledPictures
from edge.studies.outcomes import Outcomes, count, cross_fitted_verdicts, verdicts
from firmware_config.calibration import COVERAGE, ESCAPE, Calibration
from firmware_config.station import Station

MIN_CARRIED = 50
"""Unlabelled pictures: the middle of fewer says little."""


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


def carry_over(
    calibration: Calibration, pictures: LabelledPictures, station: Station, *, good: float, path: Path, made_at: datetime
) -> tuple[Calibration, Mapping[Decision, tuple[int, int]]]:
    """Carry a calibration over to pictures of another condition, of which a share `good` (0..1) at least is good; nobody knows which.

    Also returns, by decision, how many of the pictures get it before and after. `path` is the file of the calibration, for messages.

    Raises:
        EdgeError: too few familiar pictures, a calibration that is too old, or as `carried_over`.
        CalibrationError: the calibration is of another judge.
    """
    calibration.require_fitted_for(pictures.fitted_for, path=path)
    known = [picture for picture in pictures.pictures if not is_unfamiliar(picture.description)]
    log_likelihoods = np.array([picture.scores.log_likelihoods for picture in known], np.float64)
    if len(known) < MIN_CARRIED:
        msg = (
            f"carrying a calibration over to {len(known)} pictures that were judged and are familiar: at least {MIN_CARRIED} are needed, "
            "inspect more"
        )
        raise EdgeError(msg)
    if calibration.middles is None:
        msg = f"calibration {path} is too old to be carried over: make it again with `kotoba-edge calibrate` from its labelled pictures"
        raise EdgeError(msg)
    ok = np.array([decision == "ok" for decision in pictures.fitted_for.labels.values()])
    rule = carried_over(calibration.rule, calibration.middles, log_likelihoods, ok, good=good)
    judged = [(picture.description, picture.scores) for picture in pictures.pictures]
    before, after = (Counter(verdicts(judged, one, station)) for one in (calibration.rule, rule))
    # What was measured in the old condition does not hold in this one.
    figures = {"carried_over_pictures": len(known), "carried_over_good": good}
    carried = calibration.model_copy(update={"rule": rule, "carried_from": calibration.digest, "figures": figures, "made_at": made_at})
    return carried, {decision: (before[decision], after[decision]) for decision in Decision if decision is not Decision.FAULT}
