"""From scores to the figures of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.calibration.reliability import calibration_error
from edge.calibration.scales import fit_logistic
from export.evaluation.case import Case, Flags, Scored, Scores
from export.evaluation.resample import Resampler
from export.evaluation.thresholds import auroc, best_threshold, escape_threshold
from export.findings.comparison import AtEscape, Measured
from export.findings.figures import Figure
from export.findings.scorers import Scorer

ESCAPES = (0.01, 0.02, 0.05)
COVERAGES = tuple(np.round(np.arange(0.1, 1.01, 0.1), 1).tolist())
DEFECTIVE, GOOD, NONE = 1, 0, -1

Seeds = Sequence[tuple[Case, Scored]]
"""One scorer on one target: its cases and scores, one for each seed; all measure the same pictures."""
Calls = NDArray[np.int8]


def measure(scorer: Scorer, seeds: Seeds, resampler: Resampler, *, reference: Seeds | None) -> Measured:
    """The figures of a scorer, as means over its seeds.

    A picture without an answer is no escape and no false alarm, but wrong in macro-F1 and balanced accuracy; AUROC, ECE, Brier and risk
    count the pictures that have one. Probabilities for ECE and Brier come from a logistic curve that is fitted on source validation, for
    every scorer alike. `reference`: None for the reference itself.
    """
    calls = [called for case, scored in seeds if (called := calls_of(case, scored)) is not None]
    ranks = all(scored.ranks for _, scored in seeds)
    by_seed = [one for case, scored in seeds if ranks and (one := auroc(scored.target, case.bad)) is not None]
    on_source = [one for case, scored in seeds if ranks and (one := auroc(scored.validation, case.bad_validation)) is not None]
    judged = _judged(seeds)
    of_calls = _call_figures(calls, resampler) if len(calls) == len(seeds) else {}
    likely = [p for case, scored in seeds if ranks and (p := probabilities(case, scored)) is not None]
    return Measured(
        scorer=scorer,
        seeds=len(seeds),
        auroc=resampler.figure(mean(by_seed), resampler.aurocs([scored.target for _, scored in seeds], judged)) if by_seed else None,
        auroc_by_seed=tuple(by_seed),
        macro_f1=of_calls.get("macro_f1"),
        balanced_accuracy=of_calls.get("balanced_accuracy"),
        escape=of_calls.get("escape"),
        overkill=of_calls.get("overkill"),
        at_escape=tuple(at for limit in ESCAPES if ranks and (at := _at_escape(seeds, limit)) is not None),
        abstained=mean([float((one == NONE).mean()) for one in calls]),
        ece=mean([calibration_error(p[~np.isnan(p)], resampler.bad[~np.isnan(p)]) for p in likely if not np.isnan(p).all()]),
        brier=mean([float(np.nanmean((p - resampler.bad) ** 2)) for p in likely if not np.isnan(p).all()]),
        source_auroc=mean(on_source),
        behind_reference=None if reference is None else _behind(seeds, reference, resampler),
        risk_coverage=_risk_coverage(seeds) if ranks else (),
    )


def mean(values: Sequence[float]) -> float | None:
    """The mean, None of nothing."""
    return float(np.mean(values)) if len(values) else None


def calls_of(case: Case, scored: Scored) -> Calls | None:
    """What is called defective, good, or nothing, int8 (N,); None where source validation gives no threshold."""
    if scored.calls is not None:
        return scored.calls
    threshold = best_threshold(scored.validation, case.bad_validation)
    if threshold is None:
        return None
    return np.where(np.isnan(scored.target), NONE, np.where(scored.target > threshold, DEFECTIVE, GOOD)).astype(np.int8)


def probabilities(case: Case, scored: Scored) -> Scores | None:
    """The probability that a picture is defective, float64 (N,), nan without a score; None where source validation has one class only."""
    judged = ~np.isnan(scored.validation)
    scores, bad = scored.validation[judged], case.bad_validation[judged]
    if not bad.any() or bad.all():
        return None
    middle, spread = float(scores.mean()), float(scores.std()) or 1.0
    curve = fit_logistic((scores - middle) / spread, bad)
    likely, told = scored.target.copy(), ~np.isnan(scored.target)
    likely[told] = np.exp(-np.logaddexp(0.0, -(curve.slope * (likely[told] - middle) / spread + curve.shift)))
    return likely


def _judged(seeds: Seeds) -> Flags:
    """The pictures that every seed gave a score."""
    return np.asarray(~np.isnan([scored.target for _, scored in seeds]).any(0))


def _call_figures(calls: Sequence[Calls], resampler: Resampler) -> dict[str, Figure | None]:
    bad = resampler.bad
    whole, drawn = [], []
    for called in calls:
        flags = np.stack(
            [bad & (called == DEFECTIVE), bad & (called == GOOD), bad, ~bad & (called == DEFECTIVE), ~bad & (called == GOOD), ~bad]
        )
        whole.append(_rates(flags.sum(1)[None].astype(np.float64)))
        drawn.append(_rates(resampler.drawn_counts(flags.astype(np.float64))))
    values, resampled = np.mean(whole, 0)[0], np.mean(drawn, 0)
    names = ("macro_f1", "balanced_accuracy", "escape", "overkill")
    return {name: resampler.figure(float(values[i]), resampled[:, i]) for i, name in enumerate(names)}


def _rates(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Macro-F1, balanced accuracy, escape and overkill, float64 (R, 4), nan where a class is missing.

    `counts` (R, 6): found, missed and all defective pictures; false alarms, passed and all good ones.
    """
    found, missed, defects, alarms, passed, goods = counts.T
    with np.errstate(invalid="ignore", divide="ignore"):
        of_bad, of_good = 2 * found / (found + alarms + defects), 2 * passed / (passed + missed + goods)
        either = np.where((defects > 0) & (goods > 0), (of_bad + of_good) / 2, np.nan)
        return np.stack([either, (found / defects + passed / goods) / 2, missed / defects, alarms / goods], 1)


def _at_escape(seeds: Seeds, limit: float) -> AtEscape | None:
    overkills, escapes = [], []
    for case, scored in seeds:
        threshold, bad = escape_threshold(scored.validation, case.bad_validation, limit), case.bad
        if threshold is None or not bad.any() or bad.all():
            return None
        overkills.append(float((scored.target[~bad] > threshold).mean()))
        escapes.append(float((scored.target[bad] <= threshold).mean()))
    return AtEscape(limit=limit, overkill=float(np.mean(overkills)), escape=float(np.mean(escapes)))


def _behind(seeds: Seeds, reference: Seeds, resampler: Resampler) -> Figure | None:
    """AUROC of the reference minus that of the scorer, paired, over the pictures that both gave a score."""
    if not all(scored.ranks for _, scored in (*seeds, *reference)):
        return None
    both = _judged(seeds) & _judged(reference)
    ours, theirs = ([scored.target for _, scored in some] for some in (reference, seeds))
    values = [[auroc(np.where(both, scores, np.nan), resampler.bad) for scores in some] for some in (ours, theirs)]
    known = [[one for one in some if one is not None] for some in values]
    if not known[0] or not known[1]:
        return None
    difference = float(np.mean(known[0]) - np.mean(known[1]))
    return resampler.figure(difference, resampler.aurocs(ours, both) - resampler.aurocs(theirs, both))


def _risk_coverage(seeds: Seeds) -> tuple[tuple[float, float], ...]:
    """By share of the judged pictures, farthest from the threshold first: the share of all that is judged, and wrong among them."""
    curves = []
    for case, scored in seeds:
        threshold, judged = best_threshold(scored.validation, case.bad_validation), ~np.isnan(scored.target)
        if threshold is None or not judged.any():
            return ()
        distances = scored.target[judged] - threshold
        order = np.argsort(-np.abs(distances), kind="stable")
        wrong = np.cumsum(((distances > 0) != case.bad[judged])[order])
        counts = [max(1, round(coverage * len(order))) for coverage in COVERAGES]
        curves.append([(count / len(judged), wrong[count - 1] / count) for count in counts])
    return tuple((float(share), float(risk)) for share, risk in np.mean(curves, 0))
