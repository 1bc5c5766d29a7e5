from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.repository import ROOT


def lost(synchronous: str) -> int:
    command = [sys.executable, "-m", "tests.faults.power_cut", "--cuts", "50", "--synchronous", synchronous]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    found = re.fullmatch(r"50 power cuts, \d+ verdicts acknowledged, (\d+) lost\n", done.stdout)
    assert found, done.stdout
    return int(found[1])


@pytest.mark.long
def test_the_command_says_what_power_cuts_cost() -> None:
    assert lost("FULL") == 0
    assert lost("NORMAL") > 0
