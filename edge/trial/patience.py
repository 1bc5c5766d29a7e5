"""How long a child process is waited for: the daemon goes first on a busy box, and who gets no processor is not slow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from edge.trial.memory import PROC

STARVED = 10.0
"""At its niceness a child gets about a tenth of the processors beside a daemon that uses them all: so many deadlines, and no more."""

UTIME, STIME = 11, 12
"""Fields of /proc/PID/stat behind the name of the program (proc(5) counts from 1, and from the process id)."""


class Patience:
    """Begins when it is made. The deadline in seconds is one of processor time, or of time without any; else it is longer."""

    def __init__(self, deadline_s: float, *, used_s: Callable[[], float], monotonic: Callable[[], float] = time.monotonic) -> None:
        self.deadline_s = deadline_s
        self._used_s = used_s
        self._monotonic = monotonic
        self._began_at = self._moved_at = monotonic()
        self._used_before_s = self._used_at_last_s = used_s()

    def is_over(self) -> bool:
        """Whether it has used up its time, or stands still."""
        now, used_s = self._monotonic(), self._used_s()
        if used_s > self._used_at_last_s:
            self._moved_at, self._used_at_last_s = now, used_s
        waited_s = now - self._began_at
        if waited_s <= self.deadline_s:
            return False
        has_had_its_time = used_s - self._used_before_s > self.deadline_s
        return has_had_its_time or now - self._moved_at > self.deadline_s or waited_s > STARVED * self.deadline_s


def processor_s_of(pid: int, *, proc: Path = PROC) -> float:
    """Processor time that a process has used, in seconds; 0 if it has ended."""
    try:
        fields = (proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[UTIME]) + int(fields[STIME])) / os.sysconf("SC_CLK_TCK")
