"""Three hundred kills of installs, trials, activations and rollbacks: never a mixed bundle, always one that judges."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.call_index import FAULTS, preloaded
from tests.support.memory_folder import folder_in_memory
from tests.support.repository import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with folder_in_memory(tmp_path) as folder:
        yield folder


def struck(folder: Path, fault: str, step: int, moments: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.killed_slots", str(folder), fault, str(step), str(moments)]
    environment = {**os.environ, **preloaded(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1_800, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize(
    ("step", "moments"),
    [pytest.param(20, 30, marks=pytest.mark.long, id="a fifth"), pytest.param(1, 300, marks=pytest.mark.soak, id="every call")],
)
def test_a_kill_leaves_a_whole_bundle_that_judges(
    step: int, moments: int, folder: Path, record_property: Callable[[str, object], None]
) -> None:
    seen = struck(folder, "kill", step, moments)

    wrong = [line for one in seen.values() for line in one["wrong"]]
    kills = sum(one["kills"] for one in seen.values())
    record_property("M3", f"{kills} kills of installs, trials, activations and rollbacks: {len(wrong)} without a whole bundle that judges")
    assert wrong == []
    assert kills >= (300 if step == 1 else 60)
    ended_before = {name: one for name, one in seen.items() if one["kills"] < -(-one["calls"] // (1 if name == "moments" else step))}
    assert ended_before == {}


@pytest.mark.parametrize("step", [pytest.param(30, marks=pytest.mark.long, id="a part"), pytest.param(1, marks=pytest.mark.soak, id="all")])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_call_that_fails_leaves_a_whole_bundle_that_judges(
    fault: str, step: int, folder: Path, record_property: Callable[[str, object], None]
) -> None:
    seen = struck(folder, fault, step, 0)

    wrong, calls = [line for one in seen.values() for line in one["wrong"]], sum(one["calls"] for one in seen.values())
    record_property("R3", f"bundle slots, {fault} at each of {calls // step} calls: {len(wrong)} without a whole bundle")
    assert wrong == []
    assert calls > 100
