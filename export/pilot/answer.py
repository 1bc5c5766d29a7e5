"""The answer of a pilot: go, no-go, or not enough seen to say. docs/pilot.md explains the rule to people.

Outcomes of the reasons, with the values of each:

- not_enough: `one_class` (good, bad), no good or no defective part on domains that taught nothing; `too_few_defects` (bad, needed, limit),
  no number of escapes among so few could show the limit; `escape_not_shown` (*), the interval of the escape holds the limit.
- no_go: `escape_above_limit` (*), the whole interval is above the limit; `domain_fails` (domain, *), the same in one domain; `costs_more`
  (saving, low, high, currency), the interval of the yearly saving is below 0.
- `overkill_above_limit` and `review_above_limit` (*): the share is above the limit. no_go if the whole interval is, else not_enough.
- Beside any outcome: `control_is_better` (scorer, target, targets, ahead, low, high), its AUROC is ahead on `targets` targets with an
  interval without 0, farthest on `target`; `words_add_nothing` (scorer, target, targets, behind, low, high), on none of the targets the
  box is shown to be ahead of a scorer that reads no words; `text_fools_it` (way, *), with the guard on, printed text makes more defective
  parts OK than the limit of the escape.

(*) is count, of, share, low, high, limit. Shares are 0..1. no_go is worse than not_enough; the worst one is the outcome, none is go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from export.agreement.interval import CONFIDENCE
from export.chapters.decided import share
from export.findings.box import Attack, Decided
from export.findings.comparison import Comparison, Measured
from export.findings.figures import Share
from export.findings.findings import Answer, Limits, Outcome, Reason, ReasonCode
from export.findings.scorers import CONTROLS, Scorer
from export.pilot.shares import parts_to_show, pooled

WITHOUT_WORDS: tuple[Scorer, ...] = ("measure_trees", "vision_probe", "imagenet_probe", "patch_memory", "darkness")
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Saving:
    """What the box saves a plant in a year, with the range that holds 95 % of the draws."""

    value: float
    low: float
    high: float
    currency: str


@dataclass(frozen=True, slots=True)
class Rated:
    """A reason, and how a pilot ends that has no other one; None: it stands beside any outcome."""

    reason: Reason
    ends: Outcome | None


def answer(
    installed: Sequence[Decided], comparisons: Sequence[Comparison], attack: Attack | None, saving: Saving | None, *, limits: Limits
) -> Answer:
    """What the pilot says. `installed` are the decisions of the rule that the plant would install; those on `seen` domains do not count."""
    unseen = [one for one in installed if not one.seen]
    escape, overkill = pooled(one.escape for one in unseen), pooled(one.overkill for one in unseen)
    review = share(sum(_reviewed(one) for one in unseen), escape.of + overkill.of)
    rated = [
        *_too_little(escape, overkill, limits),
        *_escape(escape, limits),
        *_domains(unseen, limits),
        *_above("overkill_above_limit", overkill, limits.overkill),
        *_above("review_above_limit", review, limits.review),
        *_costs(saving),
        *_controls(comparisons),
        *_words(comparisons),
        *_text(attack, limits),
    ]
    ends = {one.ends for one in rated}
    outcome: Outcome = "no_go" if "no_go" in ends else "not_enough" if "not_enough" in ends else "go"
    return Answer(
        outcome=outcome,
        reasons=tuple(one.reason for one in rated),
        escape=escape,
        overkill=overkill,
        review=review,
        limits=limits,
        more_defects=more_defects(escape, limits.escape),
    )


def more_defects(escape: Share, limit: float) -> int | None:
    """How many more defective parts would show the limit if as large a share of them escapes; None: none are needed, or none would do."""
    needed = parts_to_show(limit, rate=escape.value or 0.0)
    return None if (escape.of and escape.high <= limit) or needed is None else max(1, needed - escape.of)


def _reviewed(one: Decided) -> int:
    return sum(counts.get(decision, 0) for counts in (one.good, one.bad) for decision in ("REVIEW", "FAULT"))


def _too_little(escape: Share, overkill: Share, limits: Limits) -> Iterator[Rated]:
    if not escape.of or not overkill.of:
        yield _rated("one_class", "not_enough", good=overkill.of, bad=escape.of)
        return
    needed = parts_to_show(limits.escape)
    if needed is not None and escape.of < needed:
        yield _rated("too_few_defects", "not_enough", bad=escape.of, needed=needed, limit=limits.escape)


def _escape(escape: Share, limits: Limits) -> Iterator[Rated]:
    if escape.low > limits.escape:
        yield _rated("escape_above_limit", "no_go", **_of(escape, limits.escape))
    elif escape.of and escape.high > limits.escape:
        yield _rated("escape_not_shown", "not_enough", **_of(escape, limits.escape))


def _domains(unseen: Sequence[Decided], limits: Limits) -> Iterator[Rated]:
    """Of many domains one is bad by chance: together they have the confidence of one interval (Bonferroni)."""
    for one in unseen:
        escape = share(one.escape.count, one.escape.of, confidence=1 - (1 - CONFIDENCE) / len(unseen))
        if escape.low > limits.escape:
            yield _rated("domain_fails", "no_go", domain=one.domain, **_of(escape, limits.escape))


def _above(code: ReasonCode, found: Share, limit: float) -> Iterator[Rated]:
    if found.value is not None and found.value > limit:
        yield _rated(code, "no_go" if found.low > limit else "not_enough", **_of(found, limit))


def _costs(saving: Saving | None) -> Iterator[Rated]:
    if saving is not None and saving.high < 0:
        yield _rated("costs_more", "no_go", saving=saving.value, low=saving.low, high=saving.high, currency=saving.currency)


def _controls(comparisons: Sequence[Comparison]) -> Iterator[Rated]:
    """For each control that is ahead: the target on which its interval is farthest from 0, and on how many it is ahead."""
    for scorer in (*CONTROLS, "shuffled"):
        ahead = [
            (-figure.high, -figure.value, -figure.low, one.target)
            for one, measured in _measured(comparisons, scorer)
            if (figure := measured.behind_reference) is not None and figure.high is not None and figure.low is not None and figure.high < 0
        ]
        if ahead:
            low, value, high, target = max(ahead)
            values = {"ahead": round(value, DIGITS), "low": round(low, DIGITS), "high": round(high, DIGITS)}
            yield _rated("control_is_better", None, scorer=scorer, target=target, targets=len(ahead), **values)


def _words(comparisons: Sequence[Comparison]) -> Iterator[Rated]:
    """The control without words that comes nearest to the box, if it keeps up with it on every target."""
    keeps_up = []
    for scorer in WITHOUT_WORDS:
        behind = [
            (figure.value, figure.low, figure.high, one.target)
            for one, measured in _measured(comparisons, scorer)
            if (figure := measured.behind_reference) is not None and figure.low is not None and figure.high is not None
        ]
        if behind and all(low <= 0 for _, low, _, _ in behind):
            keeps_up.append((sum(value for value, *_ in behind) / len(behind), max(behind), scorer, len(behind)))
    if keeps_up:
        _, (value, low, high, target), scorer, targets = min(keeps_up)
        values = {"behind": round(value, DIGITS), "low": round(low, DIGITS), "high": round(high, DIGITS)}
        yield _rated("words_add_nothing", None, scorer=scorer, target=target, targets=targets, **values)


def _text(attack: Attack | None, limits: Limits) -> Iterator[Rated]:
    fooled = [one for one in attack.ways if one.ok_guarded.low > limits.escape] if attack is not None else []
    if fooled:
        worst = max(fooled, key=lambda one: one.ok_guarded.low)
        yield _rated("text_fools_it", None, way=worst.way, **_of(worst.ok_guarded, limits.escape))


def _measured(comparisons: Iterable[Comparison], scorer: Scorer) -> Iterator[tuple[Comparison, Measured]]:
    """The figures of a scorer on targets that were left out, without change and without a label of theirs."""
    for one in comparisons:
        if one.protocol == "leave_one_domain_out":
            yield from ((one, measured) for measured in one.measured if measured.scorer == scorer)


def _of(found: Share, limit: float) -> dict[str, float | int]:
    rounded = {name: round(value, DIGITS) for name, value in (("share", found.value or 0.0), ("low", found.low), ("high", found.high))}
    return {"count": found.count, "of": found.of, **rounded, "limit": limit}


def _rated(code: ReasonCode, ends: Literal["no_go", "not_enough"] | None, **values: float | str) -> Rated:
    return Rated(Reason(code=code, values=dict(values)), ends)
