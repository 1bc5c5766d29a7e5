"""Kill -9 of the daemon at any moment of trials: always one whole bundle that judges, and each picture has one verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.memory_folder import folder_in_memory
from tests.support.repository import ROOT


@pytest.mark.parametrize(
    "kills", [pytest.param(60, marks=pytest.mark.long, id="60 kills"), pytest.param(300, marks=pytest.mark.soak, id="300 kills")]
)
def test_a_box_that_is_killed_in_a_trial_goes_on_with_one_whole_bundle(
    tmp_path: Path, kills: int, record_property: Callable[[str, object], None]
) -> None:
    with folder_in_memory(tmp_path) as folder:
        command = [sys.executable, "-m", "tests.support.killed_trials", str(folder), str(kills)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    record_property("M3", f"{kills} kills during trials, {found['given']:,} pictures: {done.stdout}")

    assert found["wrong"] == []
    assert found["verdicts"] == found["sources"] == found["given"]
    assert not found["gaps"]
    assert found["strangers"] == []
    assert found["bundles"] > 1
    assert found["found"]["trial"] >= kills // 5
    assert found["crashed"] > 0
    assert {"good", "returned"} <= set(found["results"])
