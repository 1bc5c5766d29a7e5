"""Files in /proc, /sys and /etc as machines of several kinds have them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge.machine.machine import Machine, read_machine

VNNI = "model name\t: Intel(R) Xeon(R) Gold 6426Y\nflags\t\t: fpu sse2 avx2 avx512f avx512_vnni amx_int8\n\nmodel name\t: another\n"
AVX2 = "model name\t: Intel(R) Core(TM) i5-8500T CPU @ 2.10GHz\nflags\t\t: fpu sse2 avx2 fma\n"
JETSON = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0"
NVPMODEL = """\
< PARAM TYPE=FILE NAME=CPU_ONLINE >
CORE_0 /sys/devices/system/cpu/cpu0/online

< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< POWER_MODEL ID=3 NAME=7W >

< PM_CONFIG DEFAULT=1 >
"""


def write_files(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below a root, and return it."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def machine(root: Path, files: Mapping[str, str]) -> Machine:
    """The machine that has these files."""
    return read_machine(write_files(root, files))


def rapl(root: Path, *energies_uj: int, range_uj: int = 262_143_328_850) -> Path:
    """The counters of a processor's packages, with one core domain that must not be counted twice."""
    for number, energy_uj in enumerate(energies_uj):
        zone = f"sys/class/powercap/intel-rapl:{number}"
        write_files(root, {f"{zone}/name": f"package-{number}\n", f"{zone}/energy_uj": f"{energy_uj}\n"})
        write_files(root, {f"{zone}/max_energy_range_uj": f"{range_uj}\n", f"{zone}:0/name": "core\n", f"{zone}:0/energy_uj": "5\n"})
    return root
