"""What docs/agreement.md says is true."""

from __future__ import annotations

import re
import shlex

import pytest

from edge.cli import parser as edge_parser
from export.agreement.interval import share_of
from export.agreement.limits import EFFECTIVENESS, FALSE_ALARM_RATE, MISS_RATE
from export.cli import parser as export_parser
from tests.support.repository import ROOT

TEXT = (ROOT / "docs/agreement.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (kotoba-.*)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_understood(command: str) -> None:
    program, *words = shlex.split(command, comments=True)

    assert callable({"kotoba-edge": edge_parser, "kotoba-export": export_parser}[program]().parse_args(words).command)


def test_there_are_commands() -> None:
    assert len(COMMANDS) == 3


def test_what_no_miss_allows_is_what_the_interval_says() -> None:
    allowed = {int(parts): float(percent) for parts, percent in re.findall(r"[Nn]o miss in (\d+).*?allows (\d+\.\d) %", TEXT)}

    assert allowed == {parts: round(100 * (share_of(0, parts).high or 0.0), 1) for parts in (16, 60, 183)}
    assert (share_of(0, 183).high or 1.0) <= MISS_RATE[0] < (share_of(0, 182).high or 0.0)


def test_the_limits_are_those_of_the_code() -> None:
    cells = zip(EFFECTIVENESS, MISS_RATE, FALSE_ALARM_RATE, strict=True)

    for grade, (right, missed, alarmed) in zip(("acceptable", "marginal"), cells, strict=True):
        assert f"| {grade} | at least {right:.0%} | at most {missed:.0%} | at most {alarmed:.0%} |".replace("%", " %") in TEXT
