"""The report of a calibration, in lines for people. Its texts are in edge/texts/calibrate.py."""

from __future__ import annotations

from typing import Literal

from edge.studies.outcomes import Outcomes
from edge.texts.calibrate import TEXTS
from firmware_config.calibration import Calibration, bad_pictures_needed


def report(calibration: Calibration, outcomes: Outcomes, *, faults: int, unlabelled: int, language: Literal["ja", "en"]) -> list[str]:
    """The lines for people.

    `outcomes` are cross-fitted: each block of neighbouring pictures was decided by a calibration on the other blocks. `faults` and
    `unlabelled` count the pictures that were left out.
    """
    texts, rule, figures = TEXTS[language], calibration.rule, calibration.figures
    good, bad, rate = calibration.good, calibration.bad, _percent(rule.escape.rate)
    lines = [texts.pictures.format(count=good + bad, good=good, bad=bad, kind=rule.scale.kind)]
    if faults or unlabelled:
        lines.append(texts.left_out.format(faults=faults, unlabelled=unlabelled))
    errors = {name: f"{figures[f'ece_{name}']:.3f}" for name in ("before", "after")}
    lines += [texts.head, texts.ece.format(**errors, chance=f"{figures['ece_by_chance']:.3f}", bins=int(figures["ece_bins"]))]
    rows = (
        (texts.escape, outcomes.escape, outcomes.escapes, bad),
        (texts.overkill, outcomes.overkill, outcomes.overkills, good),
        (texts.review, outcomes.review, outcomes.reviews, good + bad),
    )
    lines += [texts.rate.format(name=name, share=_percent(share), count=count, all=total) for name, share, count, total in rows]
    threshold = rule.escape.min_ok_confidence
    if threshold is None:
        lines.append(texts.nothing.format(rate=rate, needed=bad_pictures_needed(rule.escape.rate), bad=bad))
    else:
        lines.append(texts.ok.format(threshold=f"{threshold:.4f}", rate=rate))
    lines.append(texts.least.format(bad=bad, least=_percent(1 / (bad + 1))))
    lines.append(texts.sets.format(threshold=f"{rule.conformal.threshold:.3f}", coverage=_percent(rule.conformal.coverage)))
    return lines


def _percent(share: float) -> str:
    return f"{share:.1%}"
