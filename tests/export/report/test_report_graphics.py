"""The drawings of a report."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from export.report.graphics import Line, lines, share_bar

SVG = "{http://www.w3.org/2000/svg}"


def _labels(drawn: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(drawn).iter(f"{SVG}text")]  # noqa: S314 -- made one line above


def test_an_axis_has_round_steps_that_hold_every_value() -> None:
    labels = _labels(lines(("0", "1"), (Line("a", (0.516, 0.87)),), x_name="labels", y_name="macro-F1"))
    assert [one for one in labels if "." in one] == ["0.50", "0.60", "0.70", "0.80", "0.90"]


def test_a_gap_in_a_line_is_left_out_and_names_are_escaped() -> None:
    drawn = lines(("0", "1", "2"), (Line("a < b & c", (0.5, None, 0.7)),), x_name="x", y_name="y")
    points = [one.get("points", "").split() for one in ET.fromstring(drawn).iter(f"{SVG}polyline")]  # noqa: S314
    assert [len(one) for one in points] == [2, 2]
    assert "a < b & c" in _labels(drawn)


def test_a_share_of_nothing_is_drawn_without_a_dot() -> None:
    assert "circle" not in share_bar(value=None, low=0.0, high=1.0, limit=0.02, met="open")
    assert "circle" in share_bar(value=0.5, low=0.2, high=0.8, limit=0.02, met="missed")
