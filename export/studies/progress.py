"""Progress of a study that takes hours."""

from __future__ import annotations

import sys
import time

from export.progress import Report

LOG_EVERY_S = 60.0


def reporter() -> Report:
    """Progress on stderr: a terminal overwrites its line; a log gets what is finished, and a sign of life each minute."""
    last = time.monotonic()

    def report(line: str) -> None:
        nonlocal last
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        elif line.endswith("\n") or time.monotonic() - last > LOG_EVERY_S:
            print(line.rstrip("\n"), file=sys.stderr, flush=True)
            last = time.monotonic()

    return report
