"""Every disk call of the spool fails once, or it and all after it: what was acknowledged is there, and no number is used twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.call_index import FAULTS, preloaded
from tests.support.memory_folder import folder_in_memory
from tests.support.repository import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with folder_in_memory(tmp_path) as folder:
        yield folder


@pytest.mark.parametrize("lasts", ["once", "stays"])
@pytest.mark.parametrize(
    "step", [pytest.param(5, marks=pytest.mark.long, id="a fifth"), pytest.param(1, marks=pytest.mark.soak, id="every call")]
)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_call_that_fails_loses_nothing_that_was_acknowledged(
    folder: Path, fault: str, step: int, lasts: str, record_property: Callable[[str, object], None]
) -> None:
    command = [sys.executable, "-m", "tests.support.failing_calls", str(folder), fault, str(step), lasts]
    environment = {**os.environ, **preloaded(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    what = f"{fault} at {seen['tried']:,} of {seen['calls']:,} calls{'' if lasts == 'once' else ' and all after it'}"
    record_property("R3", f"{what}: {seen['acknowledged']:,} acknowledged, {len(seen['lost'])} lost")
    assert seen["lost"] == []
    assert seen["twice"] == 0
    assert seen["acknowledged"] > seen["tried"]
    if lasts == "once":  # an error that passes is no damage
        assert seen["moved"] == 0
