"""Power that a program of NVIDIA prints once in a while: nvidia-smi of a card, tegrastats of a Jetson's module."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from edge.machine.errors import NotReadableError

END_S = 5.0
"""For a program to end after SIGTERM."""

RAIL = re.compile(r"\b(V[A-Z0-9_]+) (\d+)mW(?:/\d+mW)?")
WHOLE_MODULE = "VDD_IN"
"""The supply of an Orin Nano or NX."""

RAILS_OF_AN_AGX = ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")
"""An AGX Orin has no sensor of its whole supply; these three feed all of the module."""


def card_watts(line: str) -> float | None:
    """Watts in a line of nvidia-smi, as `62.41`; None where a card does not say, as `[N/A]`."""
    try:
        return float(line)
    except ValueError:
        return None


def module_watts(line: str) -> float | None:
    """Watts in a line of tegrastats, which ends as `VDD_IN 4872mW/4872mW VDD_CPU_GPU_CV 1064mW/1064mW VDD_SOC 1381mW/1381mW`."""
    rails = {name: int(milliwatts) / 1e3 for name, milliwatts in RAIL.findall(line)}
    if WHOLE_MODULE in rails:
        return rails[WHOLE_MODULE]
    return sum(rails[name] for name in RAILS_OF_AN_AGX) if all(name in rails for name in RAILS_OF_AN_AGX) else None


class PowerSamples:
    """The mean of the power that a program prints, times the time; see `edge.machine.energy.Meter`."""

    def __init__(
        self,
        command: Sequence[str],
        watts: Callable[[str], float | None],
        *,
        source: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self._command = tuple(command)
        self._watts = watts
        self._monotonic = monotonic
        self._samples: list[float] = []
        self._started = 0.0
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._first = threading.Event()

    def start(self) -> None:
        """Start the program, and wait for its first line: it may take a second to load."""
        try:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        except OSError as err:
            msg = f"{self._command[0]} cannot be started ({err.strerror})"
            raise NotReadableError(msg) from err
        self._reader = threading.Thread(target=self._read, args=(self._process,), name="power")
        self._reader.start()
        self._first.wait(END_S)
        self._samples.clear()
        self._started = self._monotonic()

    def stop(self) -> float:
        """Joules since `start`, from the samples that came since then.

        Raises:
            NotReadableError: none came that says a power.
        """
        seconds = self._monotonic() - self._started
        self.close()
        if not self._samples:
            msg = f"{self._command[0]} printed no power"
            raise NotReadableError(msg)
        return fmean(self._samples) * seconds

    def close(self) -> None:
        """End the program; may be called twice."""
        if self._process is None or self._reader is None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        with contextlib.suppress(OSError):
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            watts = self._watts(line.strip())
            if watts is not None:
                self._samples.append(watts)
            self._first.set()
        self._first.set()
