"""docs/monitoring, against the figures that a box has and Prometheus' own language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from edge.daemon.metrics import Metrics
from tests.support.repository import ROOT

PAGE = ROOT / "docs/monitoring.md"
ALERTS = ROOT / "docs/monitoring/alerts.yml"
BOARD = ROOT / "docs/monitoring/grafana.json"
OF_PROMETHEUS = {"up": {"job"}}
"""Figures that Prometheus makes by itself."""
ADDED = {"instance", "job"}
"""Labels that Prometheus adds to each figure."""
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def figures() -> dict[str, set[str]]:
    """The names by which a box's figures can be asked for, with their labels, from its own registry."""
    found: dict[str, set[str]] = {}
    for each in vars(Metrics()).values():
        if isinstance(each, MetricWrapperBase):
            for suffix in SUFFIXES[str(each._type)]:  # noqa: SLF001 -- the library has no other way before the first sample
                found[each._name + suffix] = {*each._labelnames, *({"le"} if suffix == "_bucket" else ())}  # noqa: SLF001
    return found


def selectors(expression: Any) -> Iterator[Any]:  # noqa: ANN401 -- the parser has no types
    """All figures that an expression names, with what it says of their labels."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if (inner := getattr(expression, name, None)) is not None:
            yield from selectors(inner)
    for inner in getattr(expression, "args", None) or ():
        yield from selectors(inner)


def wrong_in(expression: str) -> list[str]:
    """What an expression says of figures and labels that no box has."""
    known = figures() | OF_PROMETHEUS
    wrong = []
    parsed = promql_parser.parse(re.sub(r"\[\$__(rate_interval|range)\]", "[5m]", expression))
    there = list(selectors(parsed))
    assert there, expression
    for each in there:
        labels = known.get(each.name)
        asked = {matcher.name for matcher in each.matchers.matchers}
        if labels is None or asked - labels - ADDED:
            wrong.append(f"{each.name}{sorted(asked)} in {expression}")
    grouped = {label.strip() for group in re.findall(r"\b(?:by|on) *\(([^)]*)\)", expression) for label in group.split(",")}
    of_all = set.intersection(*(known.get(each.name, set()) | ADDED for each in there))
    return wrong + [f"{label} in {expression}" for label in sorted(grouped - of_all)]


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def board() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(BOARD.read_text(encoding="utf-8"))
    return read


def test_the_page_names_each_figure_with_its_labels_and_no_other() -> None:
    table = PAGE.read_text(encoding="utf-8").split("\n| figure |")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    said = {name.strip("`"): {label.strip() for label in labels.split(",") if label.strip()} for name, labels, _ in rows}
    asked_for = {name: labels for name, labels in figures().items() if not name.endswith(("_bucket", "_sum", "_count"))}
    histograms = {name.removesuffix("_sum"): labels for name, labels in figures().items() if name.endswith("_sum")}
    assert said == asked_for | histograms


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_figures_that_a_box_has_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert wrong_in(rule["expr"]) == []
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert rule["annotations"].keys() == {"summary", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{rule['alert'].lower()}"


def test_an_alert_speaks_only_of_labels_that_its_expression_leaves() -> None:
    for rule in alerts():
        spoken = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        grouped = re.findall(r"\bby *\(([^)]*)\)", rule["expr"])
        if grouped:
            left = set.intersection(*({label.strip() for label in group.split(",")} for group in grouped))
        else:
            (first, *_) = selectors(promql_parser.parse(rule["expr"]))
            left = (figures() | OF_PROMETHEUS)[first.name] | ADDED
        assert spoken <= left, rule["alert"]


def test_the_page_says_what_to_do_for_each_alert_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8").split("\n## What to do for each alert\n")[1]
    sections = dict(re.findall(r"### (\w+)\n\n(.+?)(?=\n\n|\Z)", text, re.DOTALL))
    assert sorted(sections) == sorted(rule["alert"] for rule in alerts())
    assert all(len(advice) > 40 for advice in sections.values())


def expressions(part: Any) -> Iterator[str]:  # noqa: ANN401 -- any JSON value
    if isinstance(part, dict):
        yield from ([part["expr"]] if isinstance(part.get("expr"), str) else [])
        for inner in part.values():
            yield from expressions(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from expressions(inner)


@pytest.mark.parametrize("expression", list(expressions(board())))
def test_the_board_asks_for_figures_that_a_box_has(expression: str) -> None:
    assert wrong_in(expression) == []


def test_the_board_has_its_variables_and_shows_each_figure() -> None:
    variables = {one["name"]: one for one in board()["templating"]["list"]}
    assert variables.keys() == {"datasource", "instance", "station"}
    for name in ("instance", "station"):
        asked, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variables[name]["query"]["query"]).groups()  # type: ignore[union-attr]
        assert wrong_in(asked) == []
        assert label in figures()[asked.partition("{")[0]] | ADDED
    shown = {each.name for text in expressions(board()) for each in selectors(promql_parser.parse(re.sub(r"\[\$\w+\]", "[5m]", text)))}
    assert {name for name in figures() if not name.endswith(("_sum", "_count"))} <= shown
    places = [tuple(one["gridPos"][key] for key in "xy") for one in board()["panels"]]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("expression", "mistake"),
    [
        ("kotoba_backlogs > 1", "kotoba_backlogs"),
        ('kotoba_backlog{station="x"} > 1', "station"),
        ("sum by (station) (kotoba_backlog)", "station"),
    ],
)
def test_a_figure_or_a_label_that_no_box_has_is_found(expression: str, mistake: str) -> None:
    assert any(mistake in each for each in wrong_in(expression))


def test_what_is_no_promql_is_found() -> None:
    with pytest.raises(ValueError, match=r"."):
        wrong_in("sum by (station) (kotoba_enabled")


def test_the_files_are_where_the_page_says() -> None:
    for name in re.findall(r"\]\((monitoring/[\w.]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (Path(PAGE.parent) / name).is_file()
