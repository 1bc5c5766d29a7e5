"""What does not fit between a board, the machine and the stations, and what the box could do instead. Reads no file and runs nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from edge.examination.finding import Finding, Level
from edge.examination.measured import Measured
from edge.machine.machine import Machine
from firmware_config.board import Board
from firmware_config.station import Station

BUSES = {"v4l2": {"usb", "csi"}, "rtsp": {"rtsp"}}
"""How the cameras of each kind may be wired; a folder and a video come from no camera."""

GPU_PROVIDERS = {"tensorrt", "cuda"}

JETSON_BOARDS = {"Orin Nano": "jetson-orin-nano", "Orin NX": "jetson-orin-nx", "AGX Orin": "jetson-agx-orin"}
"""The profile of a module, by what its device tree calls it."""


def advice(machine: Machine, board: Board, stations: Sequence[Station], *, providers: Collection[str]) -> list[Finding]:
    """What a person should know before anything is measured; `providers` are those that this onnxruntime has, by the names of a board."""
    return [
        *_threads(machine, board),
        *_byte_products(machine, board),
        *_devices(machine, board, providers),
        *_total_memory(machine, board),
        *_power_mode(machine, board),
        *_cameras(board, stations),
    ]


def advice_on(measured: Measured, board: Board) -> list[Finding]:
    """What a person should know of what was measured."""
    return [*_used_memory(measured, board), *_fallbacks(measured, board)]


def _threads(machine: Machine, board: Board) -> Iterator[Finding]:
    cores = machine.processor.cores
    if board.threads > cores:
        detail = f"board {board.name} has threads = {board.threads}, more than the {cores} cores of this process: they wait for each other"
        yield Finding("threads", Level.WARN, f"{detail}; set threads = 0, which takes each core once")


def _byte_products(machine: Machine, board: Board) -> Iterator[Finding]:
    fast = bool(machine.processor.byte_products)
    if not fast and "int8-full" in {board.precision, board.llm_graph}:
        told = (
            f"this processor has no VNNI, and sums of 8-bit weights saturate in it: words and verdicts of board {board.name} may be wrong"
        )
        yield Finding("processor", Level.WARN, f"{told}; use int8, whose weights have 7 bits, in the place of int8-full")
    if not fast and board.name == "cpu":
        yield Finding("processor", Level.HINT, f"this processor ({machine.processor.model}) has no VNNI: board cpu-without-vnni says so")
    if fast and board.name == "cpu-without-vnni":
        has = " and ".join(machine.processor.byte_products)
        yield Finding("processor", Level.HINT, f"this processor has {has}: board cpu says so, and int8 is worth more here")


def _devices(machine: Machine, board: Board, providers: Collection[str]) -> Iterator[Finding]:
    uses_card = bool(GPU_PROVIDERS & set(board.providers))
    better = next((name for model, name in JETSON_BOARDS.items() if model in (machine.cards.jetson or "")), "gpu")
    if board.name != better and board.name in JETSON_BOARDS.values() and better in JETSON_BOARDS.values():
        detail = f"this is a {machine.cards.told}, and board {board.name} is for another module: board {better} has its memory"
        yield Finding("card", Level.HINT, f"{detail} and its power mode")
    if (machine.cards.nvidia or machine.cards.jetson) and not uses_card:
        needs = "its onnxruntime is there" if GPU_PROVIDERS & set(providers) else "it needs onnxruntime-gpu"
        detail = f"{machine.cards.told} is there, and board {board.name} does not use it: board {better} does"
        yield Finding("card", Level.HINT, f"{detail}; {needs}, and a bundle that was built for it")
    if "openvino" in providers and "openvino" not in board.providers and not uses_card:
        yield Finding(
            "openvino",
            Level.HINT,
            f"this onnxruntime has OpenVINO, and board {board.name} does not use it: `kotoba-edge doctor --bench` says whether it is "
            "faster; it needs a bundle that was built for board openvino",
        )


def _total_memory(machine: Machine, board: Board) -> Iterator[Finding]:
    if machine.total_mb is not None and board.memory_mb > machine.total_mb:
        detail = f"board {board.name} allows {board.memory_mb:,} MB, and this machine has {machine.total_mb:,.0f} MB"
        yield Finding("memory", Level.WARN, f"{detail}: lower memory_mb in a board file, so that a leak is noticed in time")


def _power_mode(machine: Machine, board: Board) -> Iterator[Finding]:
    modes = machine.power_modes
    if modes is None or not board.power_modes:
        return
    wanted = next((name for name in board.power_modes if name in modes.numbers), None)
    if wanted is None:
        told = f"board {board.name} prefers the power modes {', '.join(board.power_modes)}, and this module has {', '.join(modes.numbers)}"
        yield Finding("power mode", Level.WARN, f"{told}: choose one with `nvpmodel -m NUMBER`, and name it in a board file")
    elif modes.current != wanted:
        told = f"the power mode is {modes.current or 'not known'}, and board {board.name} prefers {wanted}"
        yield Finding("power mode", Level.WARN, f"{told}: `sudo nvpmodel -m {modes.numbers[wanted]}`, then measure again")


def _cameras(board: Board, stations: Sequence[Station]) -> Iterator[Finding]:
    for station in stations:
        buses = BUSES.get(station.camera.kind)
        if buses is not None and not buses & set(board.camera_buses):
            told = f"station {station.station.name} has a {station.camera.kind} camera, and board {board.name} names only"
            yield Finding(
                "cameras", Level.WARN, f"{told} {', '.join(board.camera_buses)}: add {' or '.join(sorted(buses))} to camera_buses"
            )


def _used_memory(measured: Measured, board: Board) -> Iterator[Finding]:
    used = measured.peak_mb
    if used is not None and used > board.memory_mb:
        told = f"the models take {used:,.0f} MB, and board {board.name} allows {board.memory_mb:,} MB"
        yield Finding("memory", Level.WARN, f"{told}: raise memory_mb in a board file, or take a smaller bundle")


def _fallbacks(measured: Measured, board: Board) -> Iterator[Finding]:
    """Graphs that run mostly on the processor although the board prefers a card."""
    if board.providers[0] == "cpu":
        return
    for one in measured.placements:
        on_cpu, total = one.nodes.get("CPUExecutionProvider", 0), sum(one.nodes.values())
        if 2 * on_cpu > total:
            told = f"{on_cpu} of {total} nodes of {one.stage} run on the processor, and board {board.name} prefers {board.providers[0]}"
            yield Finding("models", Level.WARN, f"{told}: build the bundle with precision = {board.precision!r}")
