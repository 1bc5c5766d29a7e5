"""Memory of the machine and of this process, from /proc. All figures in MB of 1,000,000 bytes; None where a file does not say."""

from __future__ import annotations

from pathlib import Path


def total_mb(root: Path = Path("/")) -> float | None:
    """Memory of the machine."""
    return _megabytes(root / "proc/meminfo", "MemTotal")


def available_mb(root: Path = Path("/")) -> float | None:
    """Memory that processes can still take without swapping."""
    return _megabytes(root / "proc/meminfo", "MemAvailable")


def resident_mb(root: Path = Path("/")) -> float | None:
    """What this process has in memory now."""
    return _megabytes(root / "proc/self/status", "VmRSS")


def peak_resident_mb(root: Path = Path("/")) -> float | None:
    """The most that this process has had in memory."""
    return _megabytes(root / "proc/self/status", "VmHWM")


def _megabytes(file: Path, key: str) -> float | None:
    """The number of a line as `MemTotal:  24655668 kB`, where kB means 1,024 bytes."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = (line.split()[1:] for line in lines if line.startswith(f"{key}:"))
    number = next(found, [])[:1]
    return int(number[0]) * 1024 / 1e6 if number and number[0].isdigit() else None
