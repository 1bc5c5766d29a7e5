"""A disk that is really full: a small file system of its own, filled to the last byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
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


MOMENTS = 'mount -t tmpfs -o size=24m tmpfs "$1" && exec "$2" -m tests.support.full_disk_moments "$1" "$3"'


@pytest.mark.parametrize(
    "moments", [pytest.param(10, marks=pytest.mark.long, id="10"), pytest.param(100, marks=pytest.mark.soak, id="100")]
)
def test_whenever_the_disk_is_full_no_verdict_is_ok_that_is_not_on_it(
    tmp_path: Path, moments: int, record_property: Callable[[str, object], None]
) -> None:
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", MOMENTS, "sh", str(tmp_path), sys.executable, str(moments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    record_property("R9", f"full at {seen['full']} moments: {seen['lost']} lost, {seen['ok_while_full']} OK while full")
    assert seen == {"moments": moments, "full": moments, "lost": 0, "doubled": 0, "renumbered": 0, "ok_while_full": 0}


TMPFS = 'mount -t tmpfs -o size=24m tmpfs "$1"'
EXT4 = 'truncate -s 24M "$1.img" && mkfs.ext4 -q -b {block} "$1.img" && mount -o loop "$1.img" "$1"'


root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount an ext4 file system; the memory disk is tried by everybody")


@pytest.mark.parametrize(
    "disk",
    [
        pytest.param(TMPFS, id="tmpfs"),
        pytest.param(EXT4.format(block=1024), id="ext4-1024", marks=root),
        pytest.param(EXT4.format(block=4096), id="ext4-4096", marks=root),
    ],
)
def test_a_box_that_starts_on_a_full_disk_has_all_its_verdicts(tmp_path: Path, disk: str) -> None:
    script = f'PATH=$PATH:/usr/sbin; {disk} && exec "$2" -m tests.support.full_disk_at_start "$1"'
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    command = [*alone, "sh", "-c", script, "sh", str(tmp_path), sys.executable]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"waiting": list(range(1, 51)), "moved_aside": None, "after": 51}
