"""All that an examination knows of the machine, read at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.machine.cards import Cards, read_cards
from edge.machine.memory import available_mb, total_mb
from edge.machine.power_mode import PowerModes, read_power_modes
from edge.machine.processor import Processor, read_processor


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory in MB, None where it is not known; `power_modes` is None on all but a Jetson."""

    processor: Processor
    cards: Cards
    total_mb: float | None
    available_mb: float | None
    power_modes: PowerModes | None

    @property
    def told(self) -> str:
        """One line for people."""
        memory = "memory not known" if self.total_mb is None else f"{self.total_mb:,.0f} MB"
        mode = self.power_modes.current if self.power_modes is not None else None
        return ", ".join((self.processor.told, memory, self.cards.told, *([] if mode is None else [f"power mode {mode}"])))


def read_machine(root: Path = Path("/")) -> Machine:
    """Read the machine whose files lie below `root`; the number of cores is always that of this process."""
    return Machine(read_processor(root), read_cards(root), total_mb(root), available_mb(root), read_power_modes(root))
