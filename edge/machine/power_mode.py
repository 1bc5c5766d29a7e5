"""The power mode of a Jetson: nvpmodel's files, which any user may read; its command needs root on some versions of JetPack."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MODE = re.compile(r"^<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", re.MULTILINE)
CURRENT = re.compile(r"pmode:0*(\d+)")
"""/var/lib/nvpmodel/status holds `pmode:0002 fmode:quiet`."""


@dataclass(frozen=True, slots=True)
class PowerModes:
    """The modes of a module by their names, and the name of the one that is set, None where that is not known."""

    numbers: dict[str, int]
    current: str | None


def read_power_modes(root: Path = Path("/")) -> PowerModes | None:
    """Read the power modes of the machine whose files lie below `root`; None where there is no nvpmodel."""
    try:
        configured = (root / "etc/nvpmodel.conf").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    numbers = {name: int(number) for number, name in MODE.findall(configured)}
    try:
        status = CURRENT.search((root / "var/lib/nvpmodel/status").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        status = None
    current = None if status is None else next((name for name, number in numbers.items() if number == int(status[1])), None)
    return PowerModes(numbers, current)
