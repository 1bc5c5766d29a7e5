"""Curves of a pilot: figures over labels per class, over the strength of a change, over the share that is judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from export.findings.comparison import Comparison, ConditionKind, Measured
from export.findings.scorers import Scorer
from export.report.overall import ORDER, Range, lead, range_of
from export.report.wording import Standing

UNCHANGED: dict[ConditionKind, float] = {"exposure": 1.0, "defocus": 0.0, "noise": 0.0, "motion": 0.0, "jpeg": 100.0}
"""The level at which a picture is as it was."""


@dataclass(frozen=True, slots=True)
class Series:
    """One scorer along an axis; None where it was not measured."""

    scorer: Scorer
    values: tuple[Range | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Scorers along one axis, means over targets."""

    axis: tuple[float, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One scorer on several targets: AUROC and its interval, and how it stands to the reference."""

    scorer: Scorer
    cells: tuple[tuple[Measured | None, Standing | None], ...]


def few_shot(comparisons: Iterable[Comparison], *, ranked: bool = False) -> Chart | None:
    """Macro-F1, or AUROC if `ranked`, over labels per class of the target."""
    found = [(float(one.shots), one) for one in comparisons if one.shots is not None]
    return _chart(found, _auroc if ranked else lambda measured: None if measured.macro_f1 is None else measured.macro_f1.value)


@dataclass(frozen=True, slots=True)
class Changed:
    """AUROC by scorer, means over targets, of pictures that were changed in one way, or not at all (`kind` None)."""

    kind: ConditionKind | None
    level: float
    values: dict[Scorer, Range | None]


def conditions(comparisons: Sequence[Comparison]) -> dict[ConditionKind, Chart]:
    """AUROC over the level of each kind of change that has several, with that of the unchanged pictures."""
    unchanged = [one for one in comparisons if one.condition is None]
    charts = {
        kind: _chart([*((UNCHANGED[kind], one) for one in unchanged), *found], _auroc)
        for kind, found in _by_kind(comparisons).items()
        if len({level for level, _ in found}) > 1
    }
    return {kind: chart for kind, chart in charts.items() if chart is not None}


def single_conditions(comparisons: Sequence[Comparison]) -> tuple[Changed, ...]:
    """The kinds of change that have one level; the unchanged pictures first. Empty where there is no such kind."""
    unchanged = [(0.0, one) for one in comparisons if one.condition is None]
    single = {kind: found for kind, found in _by_kind(comparisons).items() if len({level for level, _ in found}) == 1}
    columns: list[tuple[ConditionKind | None, list[tuple[float, Comparison]]]] = [(None, unchanged), *single.items()]
    return tuple(
        Changed(kind, found[0][0], {one.scorer: one.values[0] for one in chart.series})
        for kind, found in columns
        if single and found and (chart := _chart(found, _auroc)) is not None
    )


def _by_kind(comparisons: Iterable[Comparison]) -> dict[ConditionKind, list[tuple[float, Comparison]]]:
    by_kind: dict[ConditionKind, list[tuple[float, Comparison]]] = defaultdict(list)
    for one in comparisons:
        if one.condition is not None:
            by_kind[one.condition.kind].append((one.condition.level, one))
    return by_kind


def rounds(comparisons: Iterable[Comparison]) -> Chart | None:
    """AUROC over rounds of pseudo-labels; 0 is before the first."""
    return _chart([(float(one.rounds), one) for one in comparisons if one.rounds is not None], _auroc)


def matrix(comparisons: Sequence[Comparison]) -> tuple[Row, ...]:
    """Scorers by targets."""
    scorers = sorted({measured.scorer for one in comparisons for measured in one.measured}, key=lambda scorer: ORDER[scorer])
    by_target = [{measured.scorer: measured for measured in one.measured} for one in comparisons]
    return tuple(Row(scorer, tuple(_cell(found.get(scorer)) for found in by_target)) for scorer in scorers)


def _cell(measured: Measured | None) -> tuple[Measured | None, Standing | None]:
    return measured, None if measured is None else lead(measured.behind_reference)


def _auroc(measured: Measured) -> float | None:
    return None if measured.auroc is None else measured.auroc.value


def _chart(found: list[tuple[float, Comparison]], figure: Callable[[Measured], float | None]) -> Chart | None:
    axis = tuple(sorted({place for place, _ in found}))
    values: dict[Scorer, dict[float, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for place, comparison in found:
        for measured in comparison.measured:
            values[measured.scorer][place].append(figure(measured))
    series = tuple(
        Series(scorer, tuple(range_of(values[scorer].get(place, ())) for place in axis))
        for scorer in sorted(values, key=lambda scorer: ORDER[scorer])
    )
    shown = tuple(one for one in series if any(one.values))
    return Chart(axis, shown) if shown else None
