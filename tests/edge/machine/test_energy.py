"""Energy is read from files of the kernel and from lines of programs; where it cannot be, the reason is told."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.machine.energy import EnergyCount, Rapl, meters_of
from edge.machine.errors import NotReadableError
from edge.machine.power_samples import PowerSamples, card_watts, module_watts
from tests.support.machine_files import JETSON, rapl, write_files

ORIN_NANO = (
    "11-30-2026 10:00:00 RAM 2448/7620MB (lfb 4x4MB) SWAP 0/3810MB (cached 0MB) CPU [12%@1510,8%@1510,off,off] EMC_FREQ 0%@2133 "
    "GR3D_FREQ 37%@[624] cpu@49.7C gpu@50.1C tj@50.1C VDD_IN 4872mW/4801mW VDD_CPU_GPU_CV 1064mW/1023mW VDD_SOC 1381mW/1377mW"
)
AGX_ORIN = (
    "RAM 4722/62840MB CPU [1%@729] cpu@44C VDD_GPU_SOC 3172mW/3172mW VDD_CPU_CV 793mW/793mW VIN_SYS_5V0 3941mW/3941mW "
    "VDDQ_VDD2_1V8AO 505mW/505mW NC 0mW/0mW"
)
CARD = "proc/driver/nvidia/gpus/0000:01:00.0/information"


def program(folder: Path, name: str, body: str) -> str:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def printing(folder: Path, name: str, line: str) -> str:
    """A program that prints a line again and again until it is ended."""
    return program(folder, name, f"while echo '{line}'; do sleep 0.01; done")


def test_the_counters_of_all_packages_are_added_in_joules(tmp_path: Path) -> None:
    meter = Rapl(rapl(tmp_path, 1_000_000, 2_000_000))
    meter.start()
    rapl(tmp_path, 4_000_000, 2_500_000)
    assert meter.stop() == pytest.approx(3.5)


def test_a_counter_that_began_again_at_zero_counts_on(tmp_path: Path) -> None:
    meter = Rapl(rapl(tmp_path, 9_000_000, range_uj=10_000_000))
    meter.start()
    rapl(tmp_path, 2_000_000, range_uj=10_000_000)
    assert meter.stop() == pytest.approx(3.0)


def test_a_virtual_machine_has_no_counters(tmp_path: Path) -> None:
    with EnergyCount(meters_of(tmp_path)) as count:
        pass
    assert count.energy.joules is None
    assert count.energy.source == f"{tmp_path}/sys/class/powercap has no intel-rapl, as on a virtual machine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every counter")
def test_counters_that_only_root_may_read_say_so(tmp_path: Path) -> None:
    rapl(tmp_path, 1)
    (tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj").chmod(0)
    with pytest.raises(NotReadableError, match="is readable by root only"):
        Rapl(tmp_path).start()


def test_a_counter_that_is_no_number_is_not_read(tmp_path: Path) -> None:
    write_files(rapl(tmp_path, 1), {"sys/class/powercap/intel-rapl:0/energy_uj": "none\n"})
    with pytest.raises(NotReadableError, match="energy_uj cannot be read"):
        Rapl(tmp_path).start()


def test_the_supply_of_a_module_is_read_from_tegrastats() -> None:
    assert module_watts(ORIN_NANO) == 4.872
    assert module_watts(AGX_ORIN) == pytest.approx(3.172 + 0.793 + 3.941)
    assert module_watts("RAM 2448/7620MB CPU [1%@729]") is None


def test_a_card_that_does_not_say_its_power_is_no_zero() -> None:
    assert card_watts("62.41") == 62.41
    assert card_watts("[N/A]") is None


def ticking() -> Iterator[float]:
    """A clock by which each look is two seconds after the last one."""
    now = 0.0
    while True:
        yield now
        now += 2.0


def test_power_times_time_is_energy(tmp_path: Path) -> None:
    clock, enough, count = ticking(), threading.Event(), iter(range(1_000_000))

    def watts(line: str) -> float | None:
        if next(count) > 3:
            enough.set()
        return module_watts(line)

    meter = PowerSamples((printing(tmp_path, "tegrastats", ORIN_NANO),), watts, source="tegrastats", monotonic=lambda: next(clock))
    meter.start()
    assert enough.wait(30)
    assert meter.stop() == pytest.approx(2 * 4.872)
    meter.close()


def test_a_program_that_prints_no_power_says_so(tmp_path: Path) -> None:
    meter = PowerSamples((printing(tmp_path, "nvidia-smi", "[N/A]"),), card_watts, source="nvidia-smi")
    meter.start()
    with pytest.raises(NotReadableError, match="nvidia-smi printed no power"):
        meter.stop()


def test_a_program_that_ends_at_once_holds_nobody_up(tmp_path: Path) -> None:
    meter = PowerSamples((program(tmp_path, "tegrastats", "exit 1"),), module_watts, source="tegrastats")
    meter.start()
    with pytest.raises(NotReadableError):
        meter.stop()


def test_a_jetson_is_measured_as_a_whole(tmp_path: Path) -> None:
    write_files(tmp_path, {"proc/device-tree/model": JETSON})
    (meter,) = meters_of(tmp_path, program=lambda name: f"{tmp_path}/{name}")
    assert meter.source == "tegrastats, the whole module"
    with EnergyCount((meter,)) as count:
        pass
    assert count.energy.joules is None
    assert count.energy.source == f"{tmp_path}/tegrastats cannot be started (No such file or directory)"


class Fixed:
    """A meter that counts the same each time."""

    def __init__(self, joules: float, source: str) -> None:
        self.source = source
        self._joules = joules
        self.closed = 0

    def start(self) -> None:
        pass

    def stop(self) -> float:
        return self._joules

    def close(self) -> None:
        self.closed += 1


def test_meters_are_added_and_closed() -> None:
    meters = Fixed(1.5, "the processor"), Fixed(2.0, "the card")
    with EnergyCount(meters) as count:
        pass
    assert (count.energy.joules, count.energy.source) == (3.5, "the processor and the card")
    assert [meter.closed for meter in meters] == [1, 1]


def test_a_pc_with_a_card_has_a_meter_for_each(tmp_path: Path) -> None:
    write_files(rapl(tmp_path, 1_000_000), {CARD: "Model: NVIDIA RTX A2000\n"})
    assert [meter.source for meter in meters_of(tmp_path)] == ["RAPL, the whole processor", "nvidia-smi, the first card"]


def test_a_card_that_cannot_be_read_makes_the_sum_unknown(tmp_path: Path) -> None:
    write_files(rapl(tmp_path, 1_000_000), {CARD: "Model: NVIDIA RTX A2000\n"})
    with EnergyCount(meters_of(tmp_path, program=lambda _name: None)) as count:
        rapl(tmp_path, 3_000_000)
    assert (count.energy.joules, "nvidia-smi cannot be started" in count.energy.source) == (None, True)
