"""An evidence disk that is really full or read-only: it costs pictures, and no verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.full_evidence_disk import VERDICTS
from tests.support.repository import ROOT

SMALL_DISK = 'mount -t tmpfs -o size=14m tmpfs "$1" && exec "$2" -m tests.support.full_evidence_disk "$1" "$3"'


def seen_on(folder: Path, kind: str) -> dict[str, Any]:
    disk = folder / "disk"
    disk.mkdir()
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", SMALL_DISK, "sh", str(disk), sys.executable, kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen["decisions"] == ["OK"]
    assert seen["seqs"] == list(range(1, VERDICTS + 1))
    assert seen["rows"] == VERDICTS
    assert seen["unfinished"] == []
    return seen


@pytest.mark.long
def test_pictures_leave_room_for_the_verdicts_on_the_same_disk(tmp_path: Path) -> None:
    seen = seen_on(tmp_path, "shared")
    assert seen["kept"] == VERDICTS
    assert seen["trouble"] is None


@pytest.mark.long
@pytest.mark.parametrize(("kind", "said"), [("full", "No space left on device"), ("readonly", "Read-only file system")])
def test_a_disk_that_takes_no_picture_costs_no_verdict(tmp_path: Path, kind: str, said: str) -> None:
    seen = seen_on(tmp_path, kind)
    assert (seen["kept"], seen["dropped"]) == (0, VERDICTS)
    assert said in seen["trouble"]
