"""Scorers over all targets of a protocol: means, ranges, and on how many targets each is shown to be ahead of the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import get_args

from export.findings.comparison import Comparison, Measured, Protocol
from export.findings.figures import Figure
from export.findings.findings import Findings
from export.findings.scorers import CONTROLS, JUDGES, Scorer
from export.report.wording import Standing

ORDER: dict[Scorer, int] = {scorer: place for place, scorer in enumerate(get_args(Scorer))}


@dataclass(frozen=True, slots=True)
class Range:
    """A mean over targets, with the lowest and the highest of them."""

    mean: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Overall:
    """One scorer over the targets of one protocol. `better`: targets on which the reference is shown to be behind it; `worse`: ahead."""

    scorer: Scorer
    targets: int
    auroc: Range | None
    macro_f1: Range | None
    escape: Range | None
    overkill: Range | None
    drop: Range | None
    behind: Range | None
    better: int
    open: int
    worse: int

    @property
    def standing(self) -> Standing | None:
        """Against the reference, by the number of targets and by the mean; None on the reference itself, or where nothing is paired."""
        if not self.better + self.open + self.worse:
            return None
        mean = self.behind.mean if self.behind else 0.0
        if self.better > self.worse and mean < 0:
            return "better"
        return "worse" if self.worse > self.better and mean > 0 else "open"


def of_protocol(findings: Findings, protocol: Protocol) -> tuple[Comparison, ...]:
    """The comparisons of one protocol, as they were found."""
    return tuple(one for one in findings.comparisons if one.protocol == protocol)


def overall(comparisons: Sequence[Comparison]) -> tuple[Overall, ...]:
    """Every scorer that was measured, in the order of their names in `Scorer`."""
    by_scorer: dict[Scorer, list[Measured]] = {}
    for one in comparisons:
        for measured in one.measured:
            by_scorer.setdefault(measured.scorer, []).append(measured)
    return tuple(_overall(scorer, by_scorer[scorer]) for scorer in sorted(by_scorer, key=lambda scorer: ORDER[scorer]))


def beside_the_judge(found: Iterable[Overall]) -> tuple[Overall, ...]:
    """The judges and what could stand in their place."""
    return tuple(one for one in found if one.scorer in JUDGES or one.scorer in CONTROLS or one.scorer == "fusion")


def rivals(found: Iterable[Overall]) -> tuple[Overall, ...]:
    """The controls that do better than the reference, or no worse as far as was shown; the best first."""
    near = [one for one in found if one.scorer in CONTROLS and one.standing in {"better", "open"}]
    return tuple(sorted(near, key=lambda one: (one.standing != "better", -(one.auroc.mean if one.auroc else 0.0))))


def lead(behind: Figure | None) -> Standing | None:
    """How a scorer stands to the reference on one target, from the AUROC of the reference minus its own."""
    if behind is None or behind.low is None or behind.high is None:
        return None
    if behind.high < 0:
        return "better"
    return "worse" if behind.low > 0 else "open"


def range_of(values: Iterable[float | None]) -> Range | None:
    """The mean and the ends; None of nothing."""
    known = [value for value in values if value is not None]
    return Range(fmean(known), min(known), max(known)) if known else None


def _overall(scorer: Scorer, found: list[Measured]) -> Overall:
    leads = [lead(one.behind_reference) for one in found]

    def ranged(figure: Callable[[Measured], Figure | None]) -> Range | None:
        return range_of(value.value for one in found if (value := figure(one)) is not None)

    return Overall(
        scorer=scorer,
        targets=len(found),
        auroc=ranged(lambda one: one.auroc),
        macro_f1=ranged(lambda one: one.macro_f1),
        escape=ranged(lambda one: one.escape),
        overkill=ranged(lambda one: one.overkill),
        drop=range_of(one.source_auroc - one.auroc.value for one in found if one.source_auroc is not None and one.auroc is not None),
        behind=ranged(lambda one: one.behind_reference),
        better=leads.count("better"),
        open=leads.count("open"),
        worse=leads.count("worse"),
    )
