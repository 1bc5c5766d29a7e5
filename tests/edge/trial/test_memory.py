"""How much memory one more bundle may take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.trial.memory import available_bytes, needed_bytes, resident_bytes_of

MB = 1024 * 1024


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal:  8000 kB\nMemAvailable:    4096000 kB\nSwapFree: 1 kB\n")
    (tmp_path / "proc/self/cgroup").write_text("0::/system.slice/kotoba-edge.service\n")
    return tmp_path / "proc"


def limited(folder: Path, limit: str, used: int, cached: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\nactive_file 7\n")


def test_without_limits_it_is_what_the_machine_has(proc: Path, tmp_path: Path) -> None:
    assert available_bytes(proc=proc, cgroups=tmp_path / "cgroups") == 4000 * MB


def test_a_limit_of_the_service_counts_and_its_disk_cache_does_not(proc: Path, tmp_path: Path) -> None:
    limited(tmp_path / "cgroups/system.slice/kotoba-edge.service", str(1500 * MB), 900 * MB, 100 * MB)
    limited(tmp_path / "cgroups/system.slice", "max", 5000 * MB, 0)
    assert available_bytes(proc=proc, cgroups=tmp_path / "cgroups") == 700 * MB


def test_the_limit_of_a_group_above_counts_too(proc: Path, tmp_path: Path) -> None:
    limited(tmp_path / "cgroups/system.slice/kotoba-edge.service", "max", 900 * MB, 0)
    limited(tmp_path / "cgroups/system.slice", str(1000 * MB), 1100 * MB, 0)
    assert available_bytes(proc=proc, cgroups=tmp_path / "cgroups") == 0


def test_this_machine_and_this_process_can_be_read() -> None:
    assert available_bytes() > 0
    assert resident_bytes_of(os.getpid()) > MB


def test_a_process_that_has_ended_takes_nothing(proc: Path) -> None:
    assert resident_bytes_of(12345, proc=proc) == 0


def test_what_was_measured_at_the_install_counts_where_it_is_more() -> None:
    assert needed_bytes(100_000_000) == needed_bytes(100_000_000, 1) > 100_000_000
    assert needed_bytes(100_000_000, 9_000_000_000) == 9_000_000_000
