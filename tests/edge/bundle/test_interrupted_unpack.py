"""An archive that is unpacked while disk calls fail, or that is killed: there is never a bundle that is not the whole one."""

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

HARMLESS = {"taken, whole", "refused, nothing", "refused, refused", "refused, whole", "killed, nothing", "killed, refused", "killed, whole"}
"""What was told, and what then lies on the disk: a box takes it whole or refuses it."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with folder_in_memory(tmp_path) as folder:
        yield folder


def unpacked(folder: Path, fault: str, size: int, lasts: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.failing_unpack", str(folder), fault, str(size), lasts]
    environment = {**os.environ, **preloaded(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize("lasts", ["once", "stays"])
@pytest.mark.parametrize(
    "step", [pytest.param(5, marks=pytest.mark.long, id="a fifth"), pytest.param(1, marks=pytest.mark.soak, id="every call")]
)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_call_that_fails_leaves_no_other_bundle(
    folder: Path, fault: str, step: int, lasts: str, record_property: Callable[[str, object], None]
) -> None:
    seen = unpacked(folder, fault, step, lasts)

    what = f"unpacking a bundle, {fault} at {seen['tried']:,} of {seen['calls']:,} calls{'' if lasts == 'once' else ' and all after it'}"
    record_property("R3", f"{what}: {_told(seen)}")
    assert set(seen["seen"]) <= HARMLESS
    assert seen["tried"] >= 15 // step
    assert any(found.startswith("refused") for found in seen["seen"]) or fault == "short"  # a short write is written on


@pytest.mark.parametrize(
    "kills", [pytest.param(60, marks=pytest.mark.long, id="a fifth"), pytest.param(300, marks=pytest.mark.soak, id="all")]
)
def test_a_kill_leaves_no_other_bundle(folder: Path, kills: int, record_property: Callable[[str, object], None]) -> None:
    seen = unpacked(folder, "kill", kills, "once")

    record_property("M3", f"{kills} kills while a bundle is unpacked: {_told(seen)}")
    assert set(seen["seen"]) <= HARMLESS
    assert seen["seen"].get("killed, refused", 0) > kills // 10  # else the moments were not in the middle


def _told(seen: dict[str, Any]) -> str:
    return "; ".join(f"{count} x {found}" for found, count in seen["seen"].items())
