"""Counts of decisions by domain, and their shares with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import get_args

import numpy as np

from edge.records import Verdict
from export.agreement.interval import CONFIDENCE, share_of
from export.chapters.inspected import Inspected
from export.chapters.verdicts import Verdicts
from export.findings.box import Decided, DecisionName
from export.findings.figures import Share

DECISIONS: tuple[DecisionName, ...] = get_args(DecisionName)


def share(count: int, of: int, *, confidence: float = CONFIDENCE) -> Share:
    """A share with its exact interval (Clopper and Pearson), 95 % unless told, as if the pictures were independent; of nothing 0 to 1.

    Neighbours on a part are alike: the true interval is wider then.
    """
    found = share_of(count, of, confidence=confidence)
    return Share(count=count, of=of, low=0.0 if found.low is None else found.low, high=1.0 if found.high is None else found.high)


def decided(inspected: Inspected, given: Verdicts, *, seen: AbstractSet[str]) -> tuple[Decided, ...]:
    """The decisions on each domain; pictures of the `seen` domains taught the bundle. A FAULT, too, is for a person to review."""
    return tuple(
        _counted(
            domain,
            [(given.verdicts[row], bool(inspected.bad[row])) for row in np.flatnonzero(inspected.of_domain(domain))],
            given,
            seen=domain in seen,
        )
        for domain in inspected.domains
    )


def pooled(parts: Sequence[Decided], *, domain: str) -> Decided:
    """The decisions on several domains together under the name `domain`; all are by one rule. It is seen only if each of them is."""
    first = parts[0]
    return _decided(
        domain,
        Counter(),
        good=sum((Counter(one.good) for one in parts), Counter[DecisionName]()),
        bad=sum((Counter(one.bad) for one in parts), Counter[DecisionName]()),
        like=Verdicts(first.rule, first.escape_limit, ()),
        seen=all(one.seen for one in parts),
    ).model_copy(update={"reasons": dict(sum((Counter(one.reasons) for one in parts), Counter[str]()))})


def _counted(domain: str, verdicts: Iterable[tuple[Verdict, bool]], given: Verdicts, *, seen: bool) -> Decided:
    good, bad, reasons = Counter[DecisionName](), Counter[DecisionName](), Counter[str]()
    for verdict, is_bad in verdicts:
        (bad if is_bad else good)[verdict.decision.value] += 1
        if verdict.decision.value != "OK":
            reasons.update({reason.value for reason in verdict.reasons})
    return _decided(domain, reasons, good=good, bad=bad, like=given, seen=seen)


def _decided(
    domain: str, reasons: Counter[str], *, good: Counter[DecisionName], bad: Counter[DecisionName], like: Verdicts, seen: bool
) -> Decided:
    return Decided(
        domain=domain,
        seen=seen,
        rule=like.rule,
        escape_limit=like.escape_limit,
        good={name: good[name] for name in DECISIONS},
        bad={name: bad[name] for name in DECISIONS},
        escape=share(bad["OK"], bad.total()),
        overkill=share(good["NG"], good.total()),
        review=share(sum(counts[name] for counts in (good, bad) for name in ("REVIEW", "FAULT")), good.total() + bad.total()),
        passed=share(good["OK"], good.total()),
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )
