"""What the chapters on the compared methods show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from markupsafe import Markup

from export.findings.box import ReliabilityBin
from export.findings.comparison import Comparison, Measured, Protocol
from export.findings.findings import Findings
from export.findings.scorers import CONTROLS, JUDGES, Scorer
from export.report import graphics
from export.report.numbers import NOTHING, decimals, ends, percent, plain
from export.report.overall import ORDER, lead, of_protocol, overall
from export.report.series import Chart, Row, Series, conditions, few_shot, matrix, rounds, single_conditions
from export.report.wording import Wording

WIDE = 6
"""Targets beside each other in one table."""

MOST_LINES = 8
"""In one drawing; the table below it has all."""

MANY_SOURCES = 5
"""From here on domains are counted, not listed."""

DETAILED: tuple[Protocol, ...] = ("leave_one_domain_out", "paper")
"""Protocols of which every target is shown with every figure. Those of the others are in their curves, and in pilot.json."""


@dataclass(frozen=True, slots=True)
class Columns:
    """As many targets as fit beside each other."""

    comparisons: tuple[Comparison, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Risk:
    """The curve of one judge on one target: share judged, share wrong among them."""

    target: str
    scorer: Scorer
    points: tuple[tuple[float, float], ...]


def compared_values(findings: Findings, words: Wording) -> dict[str, Any]:
    """Everything that the templates need."""
    measured = {one.scorer for comparison in findings.comparisons for one in comparison.measured}

    def draw(chart: Chart, x_name: str, y_name: str) -> Markup:
        return _drawn(chart, words, x_name, y_name)

    def sources(one: Comparison) -> str:
        return ", ".join(one.sources) if len(one.sources) < MANY_SOURCES else words.say("few_sources", count=len(one.sources))

    return {
        "by_protocol": {code: of_protocol(findings, code) for code in get_args(Protocol)},
        "detailed": tuple(code for code in DETAILED if of_protocol(findings, code)),
        "scorers": tuple(sorted(measured, key=lambda scorer: ORDER[scorer])),
        "overall": overall,
        "few_shot": few_shot(of_protocol(findings, "few_shot")),
        "few_shot_ranked": few_shot(of_protocol(findings, "few_shot"), ranked=True),
        "rounds": rounds(of_protocol(findings, "adaptation")),
        "conditions": conditions(of_protocol(findings, "conditions")),
        "single_conditions": single_conditions(of_protocol(findings, "conditions")),
        "risks": _risks(findings),
        "columns": lambda found: tuple(_columns(found)),
        "draw": draw,
        "sources": sources,
        "lead": lead,
        "drop": _drop,
        "at_escape": _at_escape,
        "escape_limits": _escape_limits,
        "reliability": _reliability,
        "equal_scorers": tuple(dict.fromkeys(scorer for one in findings.effort.equal for scorer in one.labels)),
        "with_ends": lambda figure: ", ".join(filter(None, (decimals(figure.value), ends(figure)))),
    }


def _columns(found: Sequence[Comparison]) -> Iterator[Columns]:
    # Seven targets stand as four and three, not as six and one.
    beside = -(-len(found) // max(1, -(-len(found) // WIDE)))
    for start in range(0, len(found), max(1, beside)):
        some = tuple(found[start : start + beside])
        yield Columns(some, matrix(some))


def _drawn(chart: Chart, words: Wording, x_name: str, y_name: str) -> Markup:
    """What has more than a point first, then the judges and the controls; the others where there is room."""

    def rank(one: Series) -> tuple[bool, bool, bool, int]:
        points = sum(value is not None for value in one.values)
        return points < 2, one.scorer not in JUDGES, one.scorer not in CONTROLS, ORDER[one.scorer]

    wanted = sorted(chart.series, key=rank)
    lines = tuple(
        graphics.Line(
            words.scorers[one.scorer].name, tuple(None if value is None else value.mean for value in one.values), one.scorer in JUDGES
        )
        for one in wanted[:MOST_LINES]
    )
    return graphics.lines(tuple(plain(place) for place in chart.axis), lines, x_name=x_name, y_name=y_name)


def _risks(findings: Findings) -> tuple[Risk, ...]:
    """The reference on each target that was left out."""
    return tuple(
        Risk(one.target, measured.scorer, measured.risk_coverage)
        for one in of_protocol(findings, "leave_one_domain_out")
        for measured in one.measured
        if measured.scorer == one.reference and measured.risk_coverage
    )


def _drop(measured: Measured) -> float | None:
    if measured.source_auroc is None or measured.auroc is None:
        return None
    return measured.source_auroc - measured.auroc.value


def _escape_limits(one: Comparison) -> tuple[float, ...]:
    return tuple(sorted({at.limit for measured in one.measured for at in measured.at_escape}))


def _at_escape(measured: Measured, limit: float) -> str:
    for at in measured.at_escape:
        if at.limit == limit:
            return f"{percent(at.overkill)} / {percent(at.escape)}"
    return NOTHING


def _reliability(bins: Sequence[ReliabilityBin]) -> tuple[tuple[float, float], ...]:
    return tuple(sorted((one.probability, one.defective) for one in bins if one.pictures))
