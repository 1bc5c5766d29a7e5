"""The processor: its name, how many cores this process may use, and whether it multiplies bytes fast."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

BYTE_PRODUCTS = {
    "avx512_vnni": "AVX512-VNNI",
    "avx_vnni": "AVX-VNNI",
    "amx_int8": "AMX",
    "asimddp": "dot products",
    "i8mm": "int8 matrices",
}
"""Flags of /proc/cpuinfo that stand for instructions which multiply bytes and add the products without saturating, x86 and ARM."""


@dataclass(frozen=True, slots=True)
class Processor:
    """`cores` are those that this process may use; `byte_products` names the instructions of BYTE_PRODUCTS that it has."""

    model: str
    architecture: str
    cores: int
    byte_products: tuple[str, ...]

    @property
    def told(self) -> str:
        """One line for people."""
        return f"{self.model}, {self.cores} cores, {' and '.join(self.byte_products) or 'no VNNI'}"


def read_processor(root: Path = Path("/"), *, cores: int | None = None, architecture: str | None = None) -> Processor:
    """Read the processor of the machine whose files lie below `root`; what a file does not say is "unknown processor"."""
    try:
        lines = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    values: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        values.setdefault(key.strip().lower(), value.strip())
    flags = set((values.get("flags") or values.get("features") or "").split())
    return Processor(
        model=values.get("model name") or "unknown processor",
        architecture=architecture or platform.machine(),
        cores=cores or len(os.sched_getaffinity(0)),
        byte_products=tuple(name for flag, name in BYTE_PRODUCTS.items() if flag in flags),
    )
