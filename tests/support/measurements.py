"""Measurements of boards that nobody has measured."""

from __future__ import annotations

from edge.examination.measured import GraphPlacement, Measured, Scored, StationTimes
from edge.examination.variants import Row, Variant
from firmware_config.board import Board

BOARD = Board(name="cpu", providers=("cpu",))
ON_CPU = (GraphPlacement(stage="clip", devices="CPU", nodes={"CPUExecutionProvider": 144}),)


def measured(
    p50_ms: float,
    *,
    labels: tuple[str, ...] = ("crack", "functional"),
    probability: float = 0.9,
    peak_mb: float | None = 520.0,
    joules: float | None = None,
    placements: tuple[GraphPlacement, ...] = ON_CPU,
) -> Measured:
    times = StationTimes(
        station="cell-01", pictures=20, p50_ms=p50_ms, p95_ms=1.2 * p50_ms, stages_ms={"clip": p50_ms / 4, "judge": p50_ms / 2}
    )
    scored = tuple(Scored(station="cell-01", picture=f"{n}.png", label=label, probability=probability) for n, label in enumerate(labels))
    energy = "not there" if joules is None else "RAPL, the whole processor"
    return Measured(
        load_s=1.5, stations=(times,), scored=scored, placements=placements, judge="onnxruntime on CPU", resident_mb=500.0,
        peak_mb=peak_mb, joules_per_picture=joules, energy=energy,
    )  # fmt: skip


def rows(now_ms: float, by_threads: dict[int, float], *, board: Board = BOARD) -> list[Row]:
    """The board as it is, and what it takes with other numbers of threads."""
    found = [Row(Variant("as now", board, "as built", "nothing"), measured(now_ms))]
    for threads, p50_ms in by_threads.items():
        other = board.model_copy(update={"threads": threads})
        found.append(Row(Variant(f"{threads} threads", other, "as built", "threads"), measured(p50_ms)))
    return found


def on_llama(p50_ms: float, *, board: Board = BOARD) -> Row:
    return Row(Variant("judge on llama.cpp", board, "llama.cpp", "judge"), measured(p50_ms))
