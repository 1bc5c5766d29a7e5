"""A wall clock that jumps or stands still, for one command and its children: no other clock of them changes, as in life.

`python -m tests.faults.clock --at 0:1970-01-01 --at 20:+365d --at 40:-1h --at 60:freeze --at 80:true COMMAND...` runs a command and changes
its clock on schedule. A change is a date (UTC, ISO 8601), a step from the present reading (+N or -N with s, m, h or d), `freeze`, or `true`
for the time of the machine. Times of files are the kernel's and stay true.
"""

from __future__ import annotations

import argparse
import math
import mmap
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timezone

from tests.faults.preload import preloading

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
GOES = math.nan


class Clock:
    """The clock of every process that is started with `environment`; it may be changed while they run."""

    def __init__(self) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="clock-")  # noqa: SIM115 -- closed by `__exit__`
        self._file.write(struct.pack("dd", 0.0, GOES))
        self._file.flush()
        self._control = mmap.mmap(self._file.fileno(), 16)

    def __enter__(self) -> Clock:  # noqa: PYI034 -- Python 3.10 has no typing.Self
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._file.close()

    def environment(self) -> dict[str, str]:
        """The variables for a process that is to have this clock."""
        return preloading("clock", {"FAKED_CLOCK_FILE": self._file.name})

    def reading_s(self) -> float:
        """What the clock shows, in seconds since 1970."""
        offset_s, frozen_at_s = struct.unpack("dd", self._control[:])
        return time.time() + offset_s if math.isnan(frozen_at_s) else float(frozen_at_s)

    def set_to(self, moment: datetime) -> None:
        """Show this moment, and go on from it."""
        self._write(moment.timestamp() - time.time(), GOES)

    def step(self, seconds: float) -> None:
        """Jump forward, or back."""
        self._write(self.reading_s() - time.time() + seconds, GOES)

    def freeze(self) -> None:
        """Stand still."""
        self._write(0.0, self.reading_s())

    def restore(self) -> None:
        """Show the time of the machine."""
        self._write(0.0, GOES)

    def change(self, text: str) -> None:
        """Change the clock as the command line says.

        Raises:
            ValueError: the text is no change.
        """
        step = re.fullmatch(r"([+-]\d+(?:\.\d+)?)([smhd])", text)
        if step:
            self.step(float(step[1]) * SECONDS[step[2]])
        elif text in {"freeze", "true"}:
            (self.freeze if text == "freeze" else self.restore)()
        else:
            moment = datetime.fromisoformat(text)
            self.set_to(moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))

    def _write(self, offset_s: float, frozen_at_s: float) -> None:
        self._control[:] = struct.pack("dd", offset_s, frozen_at_s)


def _timed(text: str) -> tuple[float, str]:
    seconds, _, change = text.partition(":")
    return float(seconds), change


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and change its clock; ends with its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.clock", description=__doc__)
    parser.add_argument(
        "--at", type=_timed, action="append", default=[], metavar="SECONDS:CHANGE", help="A change so many seconds after the start."
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args(arguments)
    schedule = sorted(options.at)
    with Clock() as clock:
        while schedule and schedule[0][0] <= 0:
            clock.change(schedule.pop(0)[1])
        began = time.monotonic()
        with subprocess.Popen(options.command, env={**os.environ, **clock.environment()}) as process:
            for seconds, change in schedule:
                try:
                    process.wait(max(0.0, seconds - (time.monotonic() - began)))
                    break
                except subprocess.TimeoutExpired:
                    clock.change(change)
            return process.wait()


if __name__ == "__main__":
    sys.exit(main())
