"""Every tool explains itself, and docs/faults.md names each."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.repository import ROOT

PAGE = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
MODULES = [path for path in (ROOT / "tests/faults").glob("*.py") if not path.name.startswith("test_")]
TOOLS = sorted(path.stem for path in MODULES if "def main(" in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_says_what_it_does(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.faults.{tool}", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert f"python -m tests.faults.{tool}" in done.stdout
    assert len(done.stdout.split()) > 50


def test_the_page_names_each_tool() -> None:
    assert sorted(set(re.findall(r"python -m tests\.faults\.([a-z_]+)", PAGE))) == TOOLS
