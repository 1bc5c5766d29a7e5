"""Energy that the machine spends while something runs: counters of the processor (RAPL), samples of a card or of a Jetson's module.

Every figure is of the whole processor, card or module, with what it spends when idle and what other processes make it spend.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from typing_extensions import Self

from edge.machine.cards import read_cards
from edge.machine.errors import NotReadableError
from edge.machine.power_samples import PowerSamples, card_watts, module_watts

SAMPLE_MS = 100
"""nvidia-smi's sensor is renewed every 15 to 100 ms, depending on the card; tegrastats is good for 100 ms."""


@dataclass(frozen=True, slots=True)
class Energy:
    """`joules` is None where nothing can be read; `source` says what was read, or why nothing could be."""

    joules: float | None
    source: str


class Meter(Protocol):
    """Counts the energy between two calls."""

    source: str

    def start(self) -> None:
        """Begin to count.

        Raises:
            NotReadableError: there is nothing to read.
        """

    def stop(self) -> float:
        """End, and return the joules since `start`.

        Raises:
            NotReadableError: there was nothing to read.
        """

    def close(self) -> None:
        """Release what the meter has opened; may be called twice."""


class Rapl:
    """The energy counters of the processor's packages, in /sys/class/powercap; AMD's are there under Intel's name.

    Only root may read them: they tell other programs' secrets (CVE-2020-8694).
    """

    source = "RAPL, the whole processor"

    def __init__(self, root: Path = Path("/")) -> None:
        self._zones = root / "sys/class/powercap"
        self._before: dict[Path, int] = {}

    def start(self) -> None:
        """See `Meter.start`."""
        packages = [zone for zone in sorted(self._zones.glob("intel-rapl:*")) if zone.name.count(":") == 1]
        if not packages:
            msg = f"{self._zones} has no intel-rapl, as on a virtual machine"
            raise NotReadableError(msg)
        self._before = {zone: _number(zone / "energy_uj") for zone in packages}

    def stop(self) -> float:
        """See `Meter.start` and `Meter.stop`."""
        total = 0
        for zone, before in self._before.items():
            spent = _number(zone / "energy_uj") - before
            # The counter starts again at 0 beyond its range, after some minutes to hours.
            total += spent if spent >= 0 else spent + _number(zone / "max_energy_range_uj")
        return total / 1e6

    def close(self) -> None:
        """Nothing is open."""


def _number(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except PermissionError as err:
        msg = f"{file} is readable by root only"
        raise NotReadableError(msg) from err
    except (OSError, ValueError) as err:
        msg = f"{file} cannot be read ({err})"
        raise NotReadableError(msg) from err


def meters_of(root: Path = Path("/"), *, program: Callable[[str], str | None] = shutil.which) -> tuple[Meter, ...]:
    """The meters of what computes in this machine: a Jetson's module as a whole, else the processor and NVIDIA's cards."""
    cards = read_cards(root)
    if cards.jetson is not None:
        command = (program("tegrastats") or "tegrastats", "--interval", str(SAMPLE_MS))
        return (PowerSamples(command, module_watts, source="tegrastats, the whole module"),)
    if cards.nvidia:
        query = ("--id=0", "--query-gpu=power.draw", "--format=csv,noheader,nounits", f"--loop-ms={SAMPLE_MS}")
        samples = PowerSamples((program("nvidia-smi") or "nvidia-smi", *query), card_watts, source="nvidia-smi, the first card")
        return (Rapl(root), samples)
    return (Rapl(root),)


class EnergyCount:
    """Counts the energy of a `with` block by all meters together; `energy` says it afterwards.

    One meter that cannot be read makes the sum unknown.
    """

    def __init__(self, meters: tuple[Meter, ...]) -> None:
        self._meters = meters
        self._stack = ExitStack()
        self._trouble: str | None = None
        self.energy = Energy(None, "nothing was counted")

    def __enter__(self) -> Self:
        try:
            for meter in self._meters:
                self._stack.callback(meter.close)
                meter.start()
        except NotReadableError as err:
            self._trouble = str(err)
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            total = self._stopped()
        sources = " and ".join(meter.source for meter in self._meters)
        self.energy = Energy(total, sources) if self._trouble is None else Energy(None, self._trouble)

    def _stopped(self) -> float:
        try:
            return 0.0 if self._trouble else sum(meter.stop() for meter in self._meters)
        except NotReadableError as err:
            self._trouble = str(err)
            return 0.0
