"""Cards that compute: NVIDIA's driver lists them in /proc, and the device tree of a Jetson says what module it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cards:
    """`nvidia` are the names of the cards in slots; `jetson` is the name of the module, None on other machines."""

    nvidia: tuple[str, ...]
    jetson: str | None

    @property
    def told(self) -> str:
        """One line for people."""
        return self.jetson or ", ".join(self.nvidia) or "no NVIDIA card"


def read_cards(root: Path = Path("/")) -> Cards:
    """Read the cards of the machine whose files lie below `root`."""
    return Cards(tuple(map(_model, sorted((root / "proc/driver/nvidia/gpus").glob("*/information")))), _jetson(root))


def _model(file: Path) -> str:
    """The line `Model:  NVIDIA RTX A2000` of what the driver says of a card."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Model:")), "NVIDIA card")


def _jetson(root: Path) -> str | None:
    """The device tree ends its text with a zero byte."""
    try:
        model = (root / "proc/device-tree/model").read_text(encoding="utf-8", errors="replace").rstrip("\0 \n")
    except OSError:
        return None
    return model if "Jetson" in model else None
