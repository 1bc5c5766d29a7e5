"""What `doctor --bench` measures: the board as it is, and what else this machine could do with this bundle."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from edge.examination.measured import Measured
from firmware_config.board import Board
from firmware_config.bundle import Manifest

MOST_THREADS_TRIED = 6


ALTERNATIVES: tuple[tuple[Literal["tensorrt", "cuda", "openvino", "cpu"], ...], ...] = (
    ("cpu",),
    ("openvino",),
    ("cuda", "cpu"),
    ("tensorrt", "cuda", "cpu"),
)
"""The providers of the profiles that come with the package."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the bundle. `differs` says in which respect it is not the board as it is."""

    name: str
    board: Board
    judge: Literal["as built", "llama.cpp"]
    differs: Literal["nothing", "threads", "judge", "providers"]


def as_it_is(board: Board, *, cores: int) -> Variant:
    """The board that the box has."""
    return Variant(f"as now: {_named(board, cores)}", board, "as built", "nothing")


def thread_counts(cores: int) -> tuple[int, ...]:
    """Numbers of threads that are worth trying: 1, 2, 4 and so on, and all cores; at most MOST_THREADS_TRIED of them, the largest."""
    counts = {1 << power for power in range(cores.bit_length()) if 1 << power <= cores} | {cores}
    return tuple(sorted(counts)[-MOST_THREADS_TRIED:])


def with_other_threads(board: Board, *, cores: int) -> tuple[Variant, ...]:
    """The board with each other number of threads."""
    now = board.threads or cores
    boards = [board.model_copy(update={"threads": count}) for count in thread_counts(cores) if count != now]
    return tuple(Variant(_named(one, cores), one, "as built", "threads") for one in boards)


def with_other_parts(board: Board, manifest: Manifest, *, cores: int, providers: Collection[str]) -> tuple[Variant, ...]:
    """The board with the other judge that the bundle holds, and with the other providers that this onnxruntime has."""
    found = []
    if manifest.llm.graph is not None and board.llm_gpu_layers == 0:
        found.append(Variant(f"{_named(board, cores)}, judge on llama.cpp", board, "llama.cpp", "judge"))
    for names in ALTERNATIVES:
        if names != board.providers and set(names) <= set(providers):
            other = board.model_copy(update={"providers": names, "llm_gpu_layers": -1 if names[0] in {"cuda", "tensorrt"} else 0})
            found.append(Variant(_named(other, cores), other, "as built", "providers"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Row:
    """A variant, and what it cost or why it could not be measured."""

    variant: Variant
    result: Measured | str

    @property
    def measured(self) -> Measured | None:
        """None where it could not be measured."""
        return None if isinstance(self.result, str) else self.result


def _named(board: Board, cores: int) -> str:
    threads = board.threads or cores
    return f"{'+'.join(board.providers)}, {threads} {'thread' if threads == 1 else 'threads'}"
