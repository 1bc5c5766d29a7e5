"""A disk that is really full: a small file system of its own, filled to the last byte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

SMALL_DISK = 'mount -t tmpfs -o size=24m tmpfs "$1" && exec "$2" -m tests.support.full_disk "$1"'


@pytest.mark.long
def test_on_a_full_disk_no_verdict_is_ok_and_none_is_lost(tmp_path: Path) -> None:
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", SMALL_DISK, "sh", str(tmp_path), sys.executable]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["errno"] == "No space left on device"
    assert seen["was_full"]
    assert seen["arrived_before"] == seen["committed_before"]
    assert len(seen["decisions"]) == 2_500
    assert seen["decisions"].count("FAULT") >= 1
    assert all("spool_full" in reasons for decision, reasons in zip(seen["decisions"], seen["reasons"], strict=True) if decision == "FAULT")
    assert seen["seqs"] == list(range(1, len(seen["seqs"]) + 1))
