"""A kill at any step of `kotoba-config apply`, and a disk that fails at any call, leave the old files or the new ones, never a mixture."""

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


def struck(folder: Path, operation: str, fault: str, every: int = 1) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.killed_apply", str(folder), operation, fault, str(every)]
    environment = {**os.environ, **preloaded(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.long
@pytest.mark.parametrize("operation", ["write", "back"])
def test_a_kill_at_any_step_leaves_the_old_files_or_the_new_ones(folder: Path, operation: str) -> None:
    seen = struck(folder, operation, "kill")
    assert seen["wrong"] == []
    assert seen["killed"] > 30
    assert seen["written"] == 1


@pytest.mark.parametrize("operation", ["write", "back"])
@pytest.mark.parametrize(
    ("every", "lasts"),
    [
        pytest.param(7, "once", marks=pytest.mark.long, id="a seventh"),
        pytest.param(1, "once", marks=pytest.mark.soak, id="every call"),
        pytest.param(1, "stays", marks=pytest.mark.soak, id="every call and all after it"),
    ],
)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_call_that_fails_leaves_the_old_files_or_the_new_ones(
    folder: Path, fault: str, every: int, operation: str, lasts: str
) -> None:
    seen = struck(folder, operation, fault if lasts == "once" else f"{fault}-stays", every)
    assert seen["wrong"] == []
    assert seen["tried"] > 1
    assert seen["refused"] > 0 or fault == "short"
