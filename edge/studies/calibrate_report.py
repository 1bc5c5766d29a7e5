"""The report of a calibration, in lines for people. Its texts are in edge/texts/calibrate.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from edge.inspection.policy import is_unfamiliar
from edge.records import Decision
from edge.studies.labelled import LabelledPictures
from edge.studies.outcomes import Outcomes
from edge.texts.calibrate import TEXTS
from edge.texts.obstacles import TEXTS as OBSTACLES
from firmware_config.calibration import Calibration
from firmware_config.obstacles import Obstacle

MUCH_PRINTED_TEXT = 0.5
"""From this share of good pictures on, printed text is the parts' own and no accident."""


def report(
    calibration: Calibration,
    outcomes: Outcomes,
    *,
    obstacles: Sequence[Obstacle],
    labelled: LabelledPictures,
    language: Literal["ja", "en"],
) -> list[str]:
    """The lines for people.

    `outcomes` are cross-fitted: each block of neighbouring pictures was decided by a calibration on the other blocks. `obstacles` are those
    of the station with this calibration.
    """
    texts, rule, figures = TEXTS[language], calibration.rule, calibration.figures
    good, bad, rate = calibration.good, calibration.bad, _percent(rule.escape.rate)
    lines = [texts.pictures.format(count=good + bad, good=good, bad=bad, kind=rule.scale.kind)]
    if labelled.faults or labelled.unlabelled:
        lines.append(texts.left_out.format(faults=labelled.faults, unlabelled=labelled.unlabelled))
    lines += _hindrances(outcomes, obstacles, labelled, language)
    errors = {name: f"{figures[f'ece_{name}']:.3f}" for name in ("before", "after")}
    lines += [texts.head, texts.ece.format(**errors, chance=f"{figures['ece_by_chance']:.3f}", bins=int(figures["ece_bins"]))]
    rows = (
        (texts.escape, outcomes.escape, outcomes.escapes, bad),
        (texts.passed, outcomes.passed, outcomes.passes, good),
        (texts.overkill, outcomes.overkill, outcomes.overkills, good),
        (texts.review, outcomes.review, outcomes.reviews, good + bad),
    )
    lines += [texts.rate.format(name=name, share=_percent(share), count=count, all=total) for name, share, count, total in rows]
    threshold = rule.escape.min_ok_confidence
    if threshold is not None:
        lines.append(texts.ok.format(threshold=f"{threshold:.4f}", rate=rate))
    lines.append(texts.least.format(bad=bad, least=_percent(1 / (bad + 1))))
    lines.append(texts.sets.format(threshold=f"{rule.conformal.threshold:.3f}", coverage=_percent(rule.conformal.coverage)))
    return lines


def carry_report(
    calibration: Calibration,
    decisions: Mapping[Decision, tuple[int, int]],
    *,
    obstacles: Sequence[Obstacle],
    pictures: LabelledPictures,
    good: float,
    language: Literal["ja", "en"],
) -> list[str]:
    """The lines for people about a calibration that was carried over; `decisions` count the pictures before and after."""
    texts, words, total = TEXTS[language], OBSTACLES[language], len(pictures.pictures)
    unfamiliar = sum(is_unfamiliar(picture.description) for picture in pictures.pictures)
    printed = sum(picture.description.printed_text for picture in pictures.pictures)
    lines = [texts.carried.format(count=total - unfamiliar, faults=pictures.faults, unfamiliar=unfamiliar, good=_percent(good))]
    lines.append(texts.moved.format(moved=calibration.rule.moved))
    lines += [texts.nothing.format(why=one.why(words)) if one.is_absolute else one.why(words) for one in obstacles]
    if decisions[Decision.OK][1] == 0:
        lines.append(texts.never_ok.format(unfamiliar=unfamiliar, printed=printed))
    lines.append(texts.carried_head)
    for decision, counts in decisions.items():
        before, after = (_percent(one / total) for one in counts)
        lines.append(f"{decision.name:<34}{before:>6}     {after:>6}")
    rejected = decisions[Decision.NG][1] / total
    if rejected > 1 - good:
        lines.append(texts.few_good.format(share=_percent(rejected), bad=_percent(1 - good)))
    lines.append(texts.assumed.format(rate=_percent(calibration.rule.escape.rate)))
    return lines


def _hindrances(
    outcomes: Outcomes, obstacles: Sequence[Obstacle], labelled: LabelledPictures, language: Literal["ja", "en"]
) -> Iterator[str]:
    """What keeps good pictures from OK: an escape rate of 0 is worth nothing where nothing passes."""
    texts, words, good = TEXTS[language], OBSTACLES[language], outcomes.good
    for obstacle in obstacles:
        yield texts.nothing.format(why=obstacle.why(words)) if obstacle.is_absolute else obstacle.why(words)
    printed = sum(picture.description.printed_text for picture in labelled.pictures if picture.allowed <= labelled.ok_labels)
    if good and printed / good >= MUCH_PRINTED_TEXT:
        yield texts.printed_text.format(count=printed, good=good)
    if outcomes.passes == 0 and not any(obstacle.is_absolute for obstacle in obstacles):
        why = texts.none_passes.format(good=good, ng=outcomes.overkills, review=good - outcomes.overkills)
        yield why if outcomes.escapes else texts.nothing.format(why=why)


def _percent(share: float) -> str:
    return f"{share:.1%}"
