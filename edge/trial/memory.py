"""How much memory there is for one more bundle, and how much a process takes."""

from __future__ import annotations

import os
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
RESERVE_BYTES = 256_000_000
"""So much stays free beside a bundle in trial: pictures, the disk cache of the spool, the rest of the box."""

WORKING_FACTOR, WORKING_BYTES = 1.5, 300_000_000
"""Of a bundle whose models are so large together: weights are packed for the processor, and the libraries need room of their own. The
starter bundle has 150 MB of models and takes 500 MB."""


def available_bytes(*, proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Memory that processes of this service may still take: of the machine, or of the service where systemd limits it."""
    meminfo = dict(line.split(":", 1) for line in (proc / "meminfo").read_text(encoding="ascii").splitlines())
    machine = int(meminfo["MemAvailable"].split()[0]) * 1024
    return min([machine, *_left_of_the_service(proc, cgroups)])


def resident_bytes_of(pid: int, *, proc: Path = PROC) -> int:
    """Memory of a process that is in RAM; 0 if it has ended."""
    try:
        pages = int((proc / str(pid) / "statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def needed_bytes(model_bytes: int, measured_bytes: int = 0) -> int:
    """What a bundle will need: from the size of its models, or as it was measured when it was installed, whichever is more."""
    return max(int(model_bytes * WORKING_FACTOR) + WORKING_BYTES, measured_bytes)


def _left_of_the_service(proc: Path, cgroups: Path) -> list[int]:
    """What each group above this process leaves, where one is limited."""
    left = []
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    place = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    for folder in [cgroups / place, *(cgroups / place).parents]:
        if not folder.is_relative_to(cgroups):
            break
        try:
            limit = (folder / "memory.max").read_text(encoding="ascii").strip()
            used = int((folder / "memory.current").read_text(encoding="ascii"))
            cached = _cached_bytes((folder / "memory.stat").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        if limit.isdigit():
            left.append(max(0, int(limit) - used + cached))
    return left


def _cached_bytes(stat: str) -> int:
    """Of a group's memory, what the kernel drops when it is needed."""
    return next((int(line.split()[1]) for line in stat.splitlines() if line.startswith("inactive_file ")), 0)
