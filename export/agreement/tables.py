"""The figures of a study: each appraiser, all together, in pairs, and the parts about which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from export.agreement.interval import Share, share_of
from export.agreement.kappa import Kappa, Marks, cohen, fleiss
from export.agreement.limits import FALSE_ALARM_RATE, MISS_RATE, Grade, grade_of_effectiveness, grade_of_rate, worst
from export.agreement.ratings import Appraiser, Study


@dataclass(frozen=True, slots=True)
class Rate:
    """Answers, `count` of `of`. Without an interval: several answers about one part are not independent."""

    count: int
    of: int
    rate: float
    grade: Grade


@dataclass(frozen=True, slots=True)
class AgainstStandard:
    """One appraiser against the standard.

    `effectiveness` counts the parts that were judged right in every trial, as the worked example of AIAG does; `right_answers` counts
    answers. `missed` and `alarmed` count answers as AIAG does (null: no bad, no good part); `parts_missed` and `parts_alarmed` count the
    parts about which it happened at least once.
    """

    effectiveness: Share
    effectiveness_grade: Grade
    right_answers: int
    answers: int
    always_ok_but_bad: int
    always_ng_but_good: int
    mixed: int
    missed: Rate | None
    parts_missed: Share
    alarmed: Rate | None
    parts_alarmed: Share
    kappa: Kappa
    grade: Grade


@dataclass(frozen=True, slots=True)
class OfAppraiser:
    """One appraiser. `within`: the parts with one answer in all trials; null with one trial, as `within_kappa` (Fleiss) is."""

    name: str
    is_box: bool
    trials: int
    within: Share | None
    within_kappa: Kappa | None
    standard: AgainstStandard | None


@dataclass(frozen=True, slots=True)
class OfGroup:
    """Several appraisers over all trials: the parts about which all agree, and the parts about which all agree with the standard."""

    names: tuple[str, ...]
    between: Share
    between_kappa: Kappa
    standard: Share | None


@dataclass(frozen=True, slots=True)
class OfPair:
    """Cohen's kappa of two appraisers, paired trial by trial."""

    one: str
    other: str
    kappa: Kappa


@dataclass(frozen=True, slots=True)
class Differing:
    """A part about which not all answers are one, or not the standard's; `answers` by appraiser, O and N in the order of the trials."""

    part: str
    standard: str | None
    answers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Tables:
    """All figures of a study. `people` and `everybody` (with the box) are null where there is only one of them."""

    parts: int
    good_parts: int | None
    bad_parts: int | None
    appraisers: tuple[OfAppraiser, ...]
    people: OfGroup | None
    everybody: OfGroup | None
    pairs: tuple[OfPair, ...]
    differing: tuple[Differing, ...]


def tables_of(study: Study) -> Tables:
    """Every figure of a study."""
    people = [appraiser for appraiser in study.appraisers if not appraiser.is_box]
    with_box = len(people) < len(study.appraisers)
    return Tables(
        parts=len(study.parts),
        good_parts=None if study.standard is None else int(np.sum(~study.standard)),
        bad_parts=None if study.standard is None else int(np.sum(study.standard)),
        appraisers=tuple(_appraiser(appraiser, study.standard) for appraiser in study.appraisers),
        people=_group(people, study.standard),
        everybody=_group(study.appraisers, study.standard) if with_box else None,
        pairs=tuple(OfPair(a.name, b.name, cohen(a.answers, b.answers)) for a, b in combinations(study.appraisers, 2)),
        differing=tuple(_differing(study)),
    )


def _appraiser(appraiser: Appraiser, standard: Marks | None) -> OfAppraiser:
    answers = appraiser.answers
    trials = answers.shape[1]
    same = np.all(answers == answers[:, :1], axis=1)
    return OfAppraiser(
        name=appraiser.name,
        is_box=appraiser.is_box,
        trials=trials,
        within=share_of(int(same.sum()), len(answers)) if trials > 1 else None,
        within_kappa=fleiss(answers) if trials > 1 else None,
        standard=None if standard is None else _against(answers, standard),
    )


def _against(answers: Marks, standard: Marks) -> AgainstStandard:
    right = answers == standard[:, None]
    bad, good = right[standard], right[~standard]
    effectiveness = share_of(int(right.all(axis=1).sum()), len(right))
    grade = grade_of_effectiveness(effectiveness.share or 0.0)
    missed, alarmed = _rate(bad, MISS_RATE), _rate(good, FALSE_ALARM_RATE)
    return AgainstStandard(
        effectiveness=effectiveness,
        effectiveness_grade=grade,
        right_answers=int(right.sum()),
        answers=right.size,
        always_ok_but_bad=int((~bad).all(axis=1).sum()),
        always_ng_but_good=int((~good).all(axis=1).sum()),
        mixed=int((right.any(axis=1) & ~right.all(axis=1)).sum()),
        missed=missed,
        parts_missed=share_of(int((~bad).any(axis=1).sum()), len(bad)),
        alarmed=alarmed,
        parts_alarmed=share_of(int((~good).any(axis=1).sum()), len(good)),
        kappa=cohen(answers, standard[:, None]),
        grade=worst([grade, *(rate.grade for rate in (missed, alarmed) if rate is not None)]),
    )


def _rate(right: Marks, limits: tuple[float, float]) -> Rate | None:
    if right.size == 0:
        return None
    wrong = int((~right).sum())
    return Rate(wrong, right.size, wrong / right.size, grade_of_rate(wrong / right.size, limits))


def _group(appraisers: Sequence[Appraiser], standard: Marks | None) -> OfGroup | None:
    if len(appraisers) < 2:
        return None
    answers = np.concatenate([appraiser.answers for appraiser in appraisers], axis=1)
    same = np.all(answers == answers[:, :1], axis=1)
    right = None if standard is None else share_of(int((same & (answers[:, 0] == standard)).sum()), len(answers))
    names = tuple(appraiser.name for appraiser in appraisers)
    return OfGroup(names, share_of(int(same.sum()), len(answers)), fleiss(answers), right)


def _differing(study: Study) -> list[Differing]:
    everything = np.concatenate([appraiser.answers for appraiser in study.appraisers], axis=1)
    expected = everything[:, 0] if study.standard is None else study.standard
    found = []
    for index in np.flatnonzero(np.any(everything != expected[:, None], axis=1)):
        standard = None if study.standard is None else ("NG" if study.standard[index] else "OK")
        answers = {who.name: "".join("N" if bad else "O" for bad in who.answers[index]) for who in study.appraisers}
        found.append(Differing(study.parts[index], standard, answers))
    return found
