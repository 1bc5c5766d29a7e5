"""The answer of a pilot in sentences: whether each limit is kept, why it ends as it does, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from export.findings.box import Decided, Rule
from export.findings.figures import Share
from export.findings.findings import Findings, Reason
from export.report.numbers import MANY, decimals, percent
from export.report.wording import Met, Wording

Aim = Literal["escape", "overkill", "review"]

SHARES = ("share", "low", "high", "limit")
"""Values of a reason that are shares, but for those of SCORED."""

SCORED = ("control_is_better", "words_add_nothing")
"""Reasons whose low and high are differences of AUROC."""

WORST = 6
"""Domains in the first part."""


@dataclass(frozen=True, slots=True)
class Held:
    """One limit of the plant against what was found."""

    aim: Aim
    found: Share
    limit: float
    met: Met


@dataclass(frozen=True, slots=True)
class Group:
    """The decisions under one rule: as it comes, or calibrated for one escape limit (0..1)."""

    rule: Rule
    escape_limit: float | None
    domains: tuple[Decided, ...]


def held(findings: Findings) -> tuple[Held, ...]:
    """The three limits. Escape must be shown: the upper end of its interval counts. Of the others the share counts."""
    answer, limits = findings.answer, findings.answer.limits
    shown: Met = "open" if not answer.escape.of else _shown(answer.escape, limits.escape)
    return (
        Held("escape", answer.escape, limits.escape, shown),
        Held("overkill", answer.overkill, limits.overkill, _below(answer.overkill, limits.overkill)),
        Held("review", answer.review, limits.review, _below(answer.review, limits.review)),
    )


def sentence(reason: Reason, words: Wording) -> str:
    """Why, with the figures; without them where one is missing."""
    why = words.reasons[reason.code]
    values = {name: _shown_value(reason, name, value, words) for name, value in reason.values.items()}
    try:
        return why.sentence.format(**values)
    except KeyError:
        return why.plain


def stopping(reasons: Sequence[Reason]) -> Sequence[Reason]:
    """Of the reasons of a no-go, those that make it one; all where none is known to."""
    return [one for one in reasons if _stops(one)] or reasons


def steps(findings: Findings, words: Wording) -> tuple[str, ...]:
    """What to do next: the step of the outcome, then one for each kind of reason."""
    answer = findings.answer
    first = words.outcomes[answer.outcome].step
    more = () if answer.more_defects is None else (words.say("more_defects", count=f"{answer.more_defects:,}"),)
    return tuple(dict.fromkeys((first, *more, *(words.reasons[reason.code].advice for reason in answer.reasons))))


def groups(findings: Findings) -> tuple[Group, ...]:
    """The decisions by rule, in the order in which they were found."""
    keys = dict.fromkeys((one.rule, one.escape_limit) for one in findings.decided)
    return tuple(
        Group(rule, limit, tuple(one for one in findings.decided if (one.rule, one.escape_limit) == (rule, limit))) for rule, limit in keys
    )


def deciding(findings: Findings) -> Group | None:
    """The decisions from which the answer was made: those whose unseen domains together have most of its counts; else the first."""
    answer = findings.answer

    def alike(group: Group) -> int:
        unseen = [one for one in group.domains if not one.seen]
        pairs = (
            (answer.escape, [one.escape for one in unseen]),
            (answer.overkill, [one.overkill for one in unseen]),
            (answer.review, [one.review for one in unseen]),
        )
        same = [(sum(one.count for one in some), sum(one.of for one in some)) == (whole.count, whole.of) for whole, some in pairs]
        return sum(weight for weight, is_same in zip((4, 2, 1), same, strict=True) if is_same)

    return max(groups(findings), key=alike, default=None)


def worst(group: Group) -> tuple[Decided, ...]:
    """The domains that taught nothing, that with the largest escape first; where no defective part was seen, by overkill."""
    unseen = [one for one in group.domains if not one.seen]
    return tuple(sorted(unseen, key=lambda one: (-(one.escape.value or 0.0), -one.escape.low, -(one.overkill.value or 0.0), one.domain)))


def _stops(reason: Reason) -> bool:
    if reason.code in {"overkill_above_limit", "review_above_limit"}:
        low, limit = reason.values.get("low"), reason.values.get("limit")
        return isinstance(low, float | int) and isinstance(limit, float | int) and low > limit
    return reason.code in {"escape_above_limit", "domain_fails", "costs_more"}


def _shown(found: Share, limit: float) -> Met:
    if found.high <= limit:
        return "held"
    return "missed" if found.low > limit else "open"


def _below(found: Share, limit: float) -> Met:
    if found.value is None:
        return "open"
    if found.value <= limit:
        return "held"
    return "missed" if found.low > limit else "open"


def _shown_value(reason: Reason, name: str, value: float | str, words: Wording) -> str:
    if isinstance(value, str):
        if name == "scorer":
            return next((named.name for scorer, named in words.scorers.items() if scorer == value), value)
        return words.ways.get(value, value) if name == "way" else value
    if name in SHARES and reason.code not in SCORED and reason.code != "costs_more":
        return percent(value)
    if isinstance(value, int) or abs(value) >= MANY or reason.code == "costs_more":
        return f"{value:,.0f}".replace("-", "−")
    return decimals(value)
