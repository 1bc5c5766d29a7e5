"""A kill at any step of a backup or a restore, and a disk that fails: a whole file or none, and a box that is made whole afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
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


def struck(folder: Path, operation: str, fault: str, every: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.killed_restore", str(folder), operation, fault, str(every)]
    environment = {**os.environ, **preloaded(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize(
    "every", [pytest.param(5, marks=pytest.mark.long, id="a fifth"), pytest.param(1, marks=pytest.mark.soak, id="every step")]
)
@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_a_kill_at_any_step_loses_nothing(folder: Path, operation: str, every: int) -> None:
    seen = struck(folder, operation, "kill", every)
    assert seen["wrong"] == []
    assert seen["killed"] > 30 // every
    assert seen["written"] == 1


@pytest.mark.parametrize(
    "every", [pytest.param(29, marks=pytest.mark.long, id="a few"), pytest.param(1, marks=pytest.mark.soak, id="every call")]
)
@pytest.mark.parametrize("operation", ["backup", "restore"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_call_that_fails_loses_nothing(folder: Path, operation: str, fault: str, every: int) -> None:
    seen = struck(folder, operation, fault, every)
    assert seen["wrong"] == []
    assert seen["tried"] > 1
