"""What the confidence of the box is worth on each domain, with a calibration that is fitted on the source alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.calibration.reliability import bin_of
from export.chapters.decided import share
from export.chapters.errors import ChapterError
from export.chapters.inspected import Flags, Inspected
from export.chapters.verdicts import ESCAPE_LIMITS, KIND, Verdicts, calibrated, fitting_rows, folds_by_block
from export.findings.box import Kept, ReliabilityBin, Trust
from export.studies.trust.measure import Predictions, Scorer
from export.studies.trust.measure import calibrated as with_calibration

SOURCE = "source validation"
MIN_PICTURES = 20
"""Of a domain: an error of calibration on fewer is chance alone."""


def trust(
    inspected: Inspected,
    validation: Flags,
    *,
    source: str = SOURCE,
    limits: Sequence[float] = ESCAPE_LIMITS,
    given: Mapping[float, Verdicts] | None = None,
) -> Trust:
    """Measure probabilities and escape limits on the pictures `validation`, bool (N,), and on each domain.

    The figures of `validation` stand under the name `source`; each of its blocks is measured by a fit on the others. Those of a domain are
    of its pictures that are not in `validation`. `given` has verdicts by limit that were made already by `calibrated`.
    """
    try:
        rows = fitting_rows(inspected, validation)
    except ChapterError as err:
        return Trust(source=source, ece={}, ece_by_chance={}, brier={}, reliability={}, promises=(), why_not=err.why)
    sets = {source: rows} | {
        domain: found
        for domain in inspected.domains
        if len(found := np.flatnonzero(inspected.of_domain(domain) & ~validation & inspected.judged)) >= MIN_PICTURES
    }
    scorer = _scorer(inspected)
    split = folds_by_block(inspected.blocks_of(rows))
    predicted = {name: with_calibration(scorer, KIND, rows.tolist(), some.tolist(), split) for name, some in sets.items()}
    by_limit = {limit: (given or {}).get(limit) or calibrated(inspected, validation, escape=limit) for limit in limits}
    targets = {domain: inspected.of_domain(domain) & ~validation for domain in inspected.domains}
    everywhere = {source: validation} | {domain: flags for domain, flags in targets.items() if flags.any()}
    return Trust(
        source=source,
        ece={name: one.error for name, one in predicted.items()},
        ece_as_it_comes={name: _as_it_comes(inspected, some).error for name, some in sets.items()},
        ece_by_chance={name: one.error_by_chance for name, one in predicted.items()},
        brier={name: float(np.mean((one.probabilities - one.defective) ** 2)) for name, one in predicted.items()},
        reliability={name: reliability(one) for name, one in predicted.items()},
        promises=tuple(
            _kept(inspected, by_limit[limit], flags, domain=name, limit=limit) for name, flags in everywhere.items() for limit in limits
        ),
    )


def reliability(predictions: Predictions) -> tuple[ReliabilityBin, ...]:
    """Bins of about equal numbers of pictures, from the lowest probability to the highest."""
    bins = bin_of(predictions.probabilities)
    return tuple(_bin(predictions.probabilities[bins == number], predictions.defective[bins == number]) for number in np.unique(bins))


def _as_it_comes(inspected: Inspected, rows: NDArray[np.int64]) -> Predictions:
    """The probabilities of a defect as the box gave them."""
    is_ok = np.array([label.decision == "ok" for label in inspected.station.labels])
    given = np.array([inspected.judged_as(int(row))[1].probabilities for row in rows])
    return Predictions(given[:, ~is_ok].sum(-1), inspected.bad[rows])


def _bin(probabilities: NDArray[np.float64], defective: Flags) -> ReliabilityBin:
    return ReliabilityBin(
        low=float(probabilities.min()),
        high=float(probabilities.max()),
        pictures=len(probabilities),
        probability=float(probabilities.mean()),
        defective=float(defective.mean()),
    )


def _kept(inspected: Inspected, given: Verdicts, flags: Flags, *, domain: str, limit: float) -> Kept:
    """What a limit kept on the pictures `flags`, bool (N,)."""
    decisions = np.array([verdict.decision.value for verdict in given.verdicts])[flags]
    bad = inspected.bad[flags]
    escape = share(int(((decisions == "OK") & bad).sum()), int(bad.sum()))
    return Kept(
        domain=domain,
        limit=limit,
        escape=escape,
        overkill=share(int(((decisions == "NG") & ~bad).sum()), int((~bad).sum())),
        passed=share(int(((decisions == "OK") & ~bad).sum()), int((~bad).sum())),
        kept=escape.low <= limit if escape.of else None,
    )


def _scorer(inspected: Inspected) -> Scorer:
    """The box as the study of trust takes a scorer; rows of pictures that were not judged are nan."""
    rows = np.flatnonzero(inspected.judged)
    log_likelihoods = np.full((len(inspected.pictures), len(inspected.station.labels)), np.nan)
    log_likelihoods[rows] = inspected.sample(rows).log_likelihoods
    descriptions = {int(row): inspected.judged_as(int(row))[0] for row in rows}
    return Scorer("box", log_likelihoods, inspected.station, descriptions, inspected.bad)
