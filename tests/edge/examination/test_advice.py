"""What doctor says the box could do instead, for machines that are not here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.examination.advice import advice, advice_on
from edge.examination.finding import Finding, Level
from edge.examination.measured import GraphPlacement
from firmware_config.board import Board, read_board, shipped
from firmware_config.station import Station
from tests.support.machine_files import AVX2, JETSON, NVPMODEL, VNNI, machine
from tests.support.measurements import measured
from tests.support.sample_records import station

PC = {"proc/cpuinfo": VNNI, "proc/meminfo": "MemTotal: 16000000 kB\n"}
ORIN = {"proc/cpuinfo": "Features\t: asimddp\n", "proc/meminfo": "MemTotal: 7802880 kB\n", "proc/device-tree/model": JETSON}
CARD = {"proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: NVIDIA RTX A2000\n"}


def told(
    root: Path, files: dict[str, str], board: Board, *, providers: Sequence[str] = ("cpu",), stations: Sequence[Station] = ()
) -> list[tuple[str, Level, str]]:
    found: list[Finding] = advice(machine(root, files), board, stations, providers=providers)
    return [(finding.part, finding.level, finding.detail) for finding in found]


def test_a_board_that_fits_is_told_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, PC, read_board("cpu")) == []


def test_more_threads_than_cores_are_a_warning(tmp_path: Path) -> None:
    ((part, level, detail),) = told(tmp_path, PC, read_board("cpu").model_copy(update={"threads": 200}))
    assert (part, level) == ("threads", Level.WARN)
    assert "threads = 200, more than the" in detail


@pytest.mark.parametrize(("name", "cpuinfo", "other"), [("cpu", AVX2, "cpu-without-vnni"), ("cpu-without-vnni", VNNI, "cpu")])
def test_the_board_of_the_other_kind_of_processor_is_named(name: str, cpuinfo: str, other: str, tmp_path: Path) -> None:
    ((part, level, detail),) = told(tmp_path, PC | {"proc/cpuinfo": cpuinfo}, read_board(name))
    assert (part, level) == ("processor", Level.HINT)
    assert f"board {other} says so" in detail


def test_weights_of_8_bits_are_a_warning_where_they_saturate(tmp_path: Path) -> None:
    board = Board(name="mine", providers=("cpu",), precision="int8-full")
    assert told(tmp_path / "with", PC, board) == []
    ((part, level, detail),) = told(tmp_path / "without", PC | {"proc/cpuinfo": AVX2}, board)
    assert (part, level) == ("processor", Level.WARN)
    assert "saturate" in detail


def test_a_card_that_is_not_used_is_named(tmp_path: Path) -> None:
    ((part, level, detail),) = told(tmp_path, PC | CARD, read_board("cpu"))
    assert (part, level) == ("card", Level.HINT)
    assert detail.startswith("NVIDIA RTX A2000 is there, and board cpu does not use it: board gpu does; it needs onnxruntime-gpu")


def test_a_module_is_told_its_own_board(tmp_path: Path) -> None:
    models = [JETSON, "NVIDIA Jetson Orin NX Engineering Reference Developer Kit\0", "NVIDIA Jetson AGX Orin Developer Kit\0"]
    for number, model in enumerate(models):
        files = ORIN | {"proc/device-tree/model": model}
        ((_, _, detail),) = told(tmp_path / str(number), files, read_board("cpu"), providers=("cpu", "cuda"))
        board = ("jetson-orin-nano", "jetson-orin-nx", "jetson-agx-orin")[number]
        assert board in shipped()
        assert f"board {board} does; its onnxruntime is there" in detail


def test_the_board_of_another_module_is_told(tmp_path: Path) -> None:
    ((part, level, detail),) = told(tmp_path, ORIN, read_board("jetson-orin-nx"))
    assert (part, level) == ("card", Level.HINT)
    assert detail.endswith("board jetson-orin-nx is for another module: board jetson-orin-nano has its memory and its power mode")
    assert told(tmp_path, ORIN, read_board("jetson-orin-nano")) == []


def test_an_openvino_that_is_not_used_is_named(tmp_path: Path) -> None:
    ((part, level, detail),) = told(tmp_path, PC, read_board("cpu"), providers=("openvino", "cpu"))
    assert (part, level) == ("openvino", Level.HINT)
    assert "doctor --bench" in detail
    assert told(tmp_path, PC, read_board("openvino"), providers=("openvino", "cpu")) == []


def test_a_limit_above_the_memory_of_the_machine_is_a_warning(tmp_path: Path) -> None:
    ((part, level, detail),) = told(tmp_path, PC, read_board("cpu").model_copy(update={"memory_mb": 32_000}))
    assert (part, level) == ("memory", Level.WARN)
    assert "allows 32,000 MB, and this machine has 16,384 MB" in detail


@pytest.mark.parametrize(
    ("number", "says"),
    [(1, None), (2, "the power mode is MAXN_SUPER, and board jetson-orin-nano prefers 25W: `sudo nvpmodel -m 1`")],
)
def test_another_power_mode_is_a_warning_with_its_number_on_this_module(number: int, says: str | None, tmp_path: Path) -> None:
    files = ORIN | {"etc/nvpmodel.conf": NVPMODEL, "var/lib/nvpmodel/status": f"pmode:000{number} fmode:quiet\n"}
    found = told(tmp_path, files, read_board("jetson-orin-nano"))
    assert [detail.startswith(says or "") for _, _, detail in found] == ([] if says is None else [True])


def test_an_older_jetpack_is_asked_for_the_next_mode_that_it_has(tmp_path: Path) -> None:
    conf = "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=7W >\n"
    files = ORIN | {"etc/nvpmodel.conf": conf, "var/lib/nvpmodel/status": "pmode:0001\n"}
    ((_, _, detail),) = told(tmp_path, files, read_board("jetson-orin-nano"))
    assert "prefers 15W: `sudo nvpmodel -m 0`" in detail


def test_a_module_that_has_none_of_the_modes_is_a_warning(tmp_path: Path) -> None:
    files = ORIN | {"etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=120W >\n"}
    ((part, _, detail),) = told(tmp_path, files, read_board("jetson-orin-nano"))
    assert part == "power mode"
    assert "this module has 120W" in detail


def test_a_camera_on_a_bus_that_the_board_lacks_is_a_warning(tmp_path: Path) -> None:
    board = read_board("cpu").model_copy(update={"camera_buses": ("rtsp", "gige")})
    usb, stream = station(camera={"kind": "v4l2", "device": "/dev/video0"}), station(camera={"kind": "rtsp", "url": "rtsp://cam/1"})
    ((part, level, detail),) = told(tmp_path, PC, board, stations=[usb, stream, station()])
    assert (part, level) == ("cameras", Level.WARN)
    assert "has a v4l2 camera, and board cpu names only rtsp, gige: add csi or usb to camera_buses" in detail


def test_models_that_take_more_than_the_board_allows_are_a_warning() -> None:
    board = read_board("cpu")
    assert advice_on(measured(70, peak_mb=1_499.0), board) == []
    assert advice_on(measured(70, peak_mb=None), board) == []
    (found,) = advice_on(measured(70, peak_mb=1_800.4), board)
    assert (found.part, found.level) == ("memory", Level.WARN)
    assert found.detail.startswith("the models take 1,800 MB, and board cpu allows 1,500 MB: raise memory_mb")


def test_a_graph_that_the_card_cannot_run_is_a_warning() -> None:
    nodes = {"CPUExecutionProvider": 130, "CUDAExecutionProvider": 14}
    mostly = (GraphPlacement(stage="clip", devices="CPU (130 nodes) and CUDA (14 nodes)", nodes=nodes),)
    rarely = (GraphPlacement(stage="clip", devices="", nodes={"CUDAExecutionProvider": 140, "CPUExecutionProvider": 4}),)
    (found,) = advice_on(measured(70, placements=mostly), read_board("gpu"))
    assert found.level is Level.WARN
    assert found.detail.startswith(
        "130 of 144 nodes of clip run on the processor, and board gpu prefers cuda: build the bundle with precision"
    )
    assert advice_on(measured(70, placements=rarely), read_board("gpu")) == []
    assert advice_on(measured(70, placements=(GraphPlacement(stage="clip", devices="?", nodes={}),)), read_board("gpu")) == []
