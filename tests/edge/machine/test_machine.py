"""What is read of a machine, from files as real machines have them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.machine.cards import read_cards
from edge.machine.machine import read_machine
from edge.machine.memory import available_mb, peak_resident_mb, resident_mb, total_mb
from edge.machine.power_mode import read_power_modes
from edge.machine.processor import read_processor
from tests.support.machine_files import AVX2, JETSON, NVPMODEL, VNNI, write_files


def test_a_processor_with_vnni_names_its_instructions(tmp_path: Path) -> None:
    processor = read_processor(write_files(tmp_path, {"proc/cpuinfo": VNNI}), cores=8)
    assert processor.model == "Intel(R) Xeon(R) Gold 6426Y"
    assert processor.byte_products == ("AVX512-VNNI", "AMX")
    assert processor.told == "Intel(R) Xeon(R) Gold 6426Y, 8 cores, AVX512-VNNI and AMX"


def test_a_processor_without_vnni_says_so(tmp_path: Path) -> None:
    processor = read_processor(write_files(tmp_path, {"proc/cpuinfo": AVX2}), cores=4)
    assert processor.byte_products == ()
    assert processor.told.endswith("4 cores, no VNNI")


def test_dot_products_of_an_arm_processor_count(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU part\t: 0xd42\n"}
    processor = read_processor(write_files(tmp_path, files), cores=6)
    assert (processor.model, processor.byte_products) == ("unknown processor", ("dot products",))


def test_the_cores_are_those_of_this_process() -> None:
    assert read_processor().cores == len(os.sched_getaffinity(0))


def test_memory_is_read_in_megabytes(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"proc/meminfo": "MemTotal:       24684216 kB\nMemFree:  1 kB\nMemAvailable:   12000000 kB\n"})
    assert total_mb(root) == pytest.approx(25_276.6, abs=0.1)
    assert available_mb(root) == 12_288.0
    assert total_mb(tmp_path / "none") is None


def test_a_process_grows_by_what_it_takes() -> None:
    before = resident_mb()
    taken = bytearray(os.urandom(64_000_000))
    after = resident_mb()
    assert before is not None
    assert after is not None
    assert after - before > 50
    assert (peak_resident_mb() or 0) >= after - 1
    assert len(taken) == 64_000_000


def test_cards_of_the_driver_are_found(tmp_path: Path) -> None:
    information = "Model: \t\t NVIDIA RTX A2000\nIRQ:   \t\t 60\n"
    cards = read_cards(write_files(tmp_path, {"proc/driver/nvidia/gpus/0000:01:00.0/information": information}))
    assert (cards.nvidia, cards.jetson, cards.told) == (("NVIDIA RTX A2000",), None, "NVIDIA RTX A2000")


def test_a_jetson_is_known_by_its_device_tree(tmp_path: Path) -> None:
    assert read_cards(write_files(tmp_path / "jetson", {"proc/device-tree/model": JETSON})).jetson == JETSON.rstrip("\0")
    assert read_cards(write_files(tmp_path / "other", {"proc/device-tree/model": "Raspberry Pi 5\0"})).jetson is None


def test_the_power_mode_is_named_by_the_modules_own_numbers(tmp_path: Path) -> None:
    files = {"etc/nvpmodel.conf": NVPMODEL, "var/lib/nvpmodel/status": "pmode:0002 fmode:quiet\n"}
    modes = read_power_modes(write_files(tmp_path, files))
    assert modes is not None
    assert modes.numbers == {"15W": 0, "25W": 1, "MAXN_SUPER": 2, "7W": 3}
    assert modes.current == "MAXN_SUPER"


def test_a_power_mode_that_was_never_set_is_not_known(tmp_path: Path) -> None:
    modes = read_power_modes(write_files(tmp_path, {"etc/nvpmodel.conf": NVPMODEL}))
    assert modes is not None
    assert modes.current is None
    assert read_power_modes(tmp_path / "none") is None


def test_a_machine_is_told_in_one_line(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": "Features\t: asimddp\n", "proc/meminfo": "MemTotal: 7802880 kB\n", "proc/device-tree/model": JETSON}
    files |= {"etc/nvpmodel.conf": NVPMODEL, "var/lib/nvpmodel/status": "pmode:0001 fmode:quiet\n"}
    told = read_machine(write_files(tmp_path, files)).told
    assert told.endswith("dot products, 7,990 MB, NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super, power mode 25W")


def test_nothing_is_known_of_a_machine_without_files(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    assert (machine.total_mb, machine.power_modes, machine.cards.told) == (None, None, "no NVIDIA card")
    assert "memory not known" in machine.told
