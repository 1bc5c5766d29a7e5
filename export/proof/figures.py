"""The proof that an exported model equals its original: figures of each stage, their limits, and what to try if a limit is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.errors import BuildError
from export.model_sources import FigureKind, Limits

AT_MOST: frozenset[FigureKind] = frozenset({"max_difference", "edit_distance", "probability", "grey_levels", "error"})
"""Figures that are 0 if nothing was lost, and limited from above. The others are 1 then, and limited from below."""

LIMITS: Mapping[str, Limits] = {
    "fp32": {"cosine": 0.99999, "agreement": 0.999, "overlap": 0.999, "max_difference": 1e-3, "edit_distance": 0.02, "probability": 0.01},
    "fp16": {"cosine": 0.9999, "agreement": 0.99, "overlap": 0.98, "edit_distance": 0.1, "probability": 0.05},
    "int8": {"cosine": 0.99, "agreement": 0.9, "overlap": 0.8, "edit_distance": 0.4, "probability": 0.2},
    "int8-full": {"cosine": 0.99, "agreement": 0.9, "overlap": 0.8, "edit_distance": 0.4, "probability": 0.2},
    "int8-static": {"cosine": 0.98, "agreement": 0.85, "overlap": 0.75, "edit_distance": 0.5, "probability": 0.25},
    "int4": {"cosine": 0.97, "agreement": 0.8, "overlap": 0.7, "edit_distance": 0.5, "probability": 0.25},
    "F16": {"agreement": 1.0, "probability": 0.01},
    "Q8_0": {"agreement": 0.95, "probability": 0.05},
    "Q5_K_M": {"agreement": 0.9, "probability": 0.15},
    "Q4_K_M": {"agreement": 0.9, "probability": 0.2},
    "Q4_1": {"agreement": 0.9, "probability": 0.25},
    "Q4_0": {"agreement": 0.9, "probability": 0.25},
    "keep": {"agreement": 1.0, "probability": 0.01},
    "gguf": {"agreement": 0.9, "edit_distance": 0.0, "error": 0.05},
    "adapter": {"error": 0.1},
    "bundle": {"agreement": 0.9, "overlap": 0.6, "edit_distance": 0.5, "probability": 0.25, "grey_levels": 1.0, "error": 0.3},
}
"""The limit of each figure at each precision, unless the specification sets another. A figure without a limit is only printed."""

TRY: Mapping[str, str] = {
    "fp32": "nothing: fp32 is the original, so the export itself is wrong; report it",
    "fp16": "fp32",
    "int8": "int8-full, then fp32",
    "int8-full": "fp32",
    "int8-static": "int8",
    "int4": "int8",
    "F16": "nothing: F16 is what the converter gives; report it",
    "Q8_0": "F16",
    "Q5_K_M": "Q8_0",
    "Q4_K_M": "Q5_K_M, then Q8_0",
    "Q4_1": "Q4_K_M, then Q8_0",
    "Q4_0": "Q4_K_M, then Q8_0",
    "keep": "nothing: the model was not changed; report it",
    "gguf": "another model: llama.cpp reads or computes this one in another way than transformers",
    "adapter": "merging it into the model with peft's merge_and_unload: llama.cpp computes it in another way than peft",
    "bundle": "a higher precision of the stage whose own figures are worst",
}


TRY_AS_GRAPH: Mapping[str, str] = {
    "int8": "int8-full, fp32 or none as [llm] graph",
    "int8-full": "fp32 or none as [llm] graph",
    "fp32": "none as [llm] graph",
}
"""What to try where the graph of the language model says something else than its GGUF."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure of one stage; `precision` is a graph's, a language model's quantisation, or "bundle" for the whole chain."""

    stage: str
    kind: FigureKind
    precision: str
    value: float

    @property
    def name(self) -> str:
        """The name of the figure in a manifest."""
        return f"{self.stage.replace('.', '_')}_{self.kind}_{self.precision}"


@dataclass(frozen=True, slots=True)
class Figure(Measured):
    """A figure with its limit; None if it has none."""

    limit: float | None

    @property
    def kept(self) -> bool:
        """Whether the limit is kept; NaN keeps no limit."""
        if self.limit is None:
            return True
        return self.value <= self.limit if self.kind in AT_MOST else self.value >= self.limit

    @property
    def excess(self) -> float:
        """The loss as a share of what the limit allows: above 1 the limit is broken."""
        if self.limit is None:
            return 0.0
        lost, allowed = (self.value, self.limit) if self.kind in AT_MOST else (1 - self.value, 1 - self.limit)
        return lost / max(allowed, 1e-9)


def limited(measured: Iterable[Measured], limits: Limits) -> tuple[Figure, ...]:
    """Give each figure its limit: from `limits`, else from LIMITS."""
    return tuple(
        Figure(one.stage, one.kind, one.precision, one.value, {**LIMITS[one.precision], **limits}.get(one.kind)) for one in measured
    )


@dataclass(frozen=True, slots=True)
class Suspect:
    """A type of layer with `count` layers, and the cosine of `stage` to its original if they alone are quantized."""

    stage: str
    layer: str
    count: int
    cosine: float


class ProofError(BuildError):
    """A limit is broken. The message names the worst one and holds the table of all figures and the layers that lose the most."""

    def __init__(self, figures: Sequence[Figure], suspects: Sequence[Suspect]) -> None:
        broken = [one for one in figures if not one.kept]
        worst = max(broken, key=lambda one: one.excess)
        head = (
            f"{len(broken)} of {len(figures)} figures of the proof break their limits, worst {worst.stage} ({worst.kind} "
            f"{worst.value:.5f}, limit {worst.limit:g}) in {worst.precision}: try {_to_try(worst)}"
        )
        super().__init__("\n".join(filter(None, (head, table(figures), _suspect_lines(suspects)))))
        self.figures, self.suspects = tuple(figures), tuple(suspects)


def _to_try(worst: Figure) -> str:
    return TRY_AS_GRAPH[worst.precision] if worst.stage == "judge.graph" else TRY[worst.precision]


def require_kept(figures: Sequence[Figure], suspects: Callable[[Figure], Sequence[Suspect]] = lambda _: ()) -> None:
    """Check every limit. `suspects` is called with the first figure that breaks its limit and returns the layers that lose the most.

    Raises:
        ProofError: a limit is broken.
    """
    broken = [one for one in figures if not one.kept]
    if broken:
        raise ProofError(figures, suspects(broken[0]))


def _suspect_lines(suspects: Sequence[Suspect], *, most: int = 5) -> str:
    if not suspects:
        return ""
    head = f"layers of {suspects[0].stage} by what is lost when they alone are quantized, worst first:"
    return "\n".join((head, *(f"  {one.layer:40} x{one.count:<3} cosine {one.cosine:.5f}" for one in suspects[:most])))


def table(figures: Sequence[Figure]) -> str:
    """The figures as a table of text; a broken limit is marked."""
    width = max((len(one.stage) for one in figures), default=5)
    head = f"{'stage':{width}}  {'figure':14}  {'precision':11}  {'value':>9}  {'limit':>12}"
    return "\n".join((head, *(_line(one, width) for one in figures)))


def _line(one: Figure, width: int) -> str:
    limit = "" if one.limit is None else f"{'at most' if one.kind in AT_MOST else ''} {one.limit:g}"
    return f"{one.stage:{width}}  {one.kind:14}  {one.precision:11}  {one.value:9.5f}  {limit:>12}" + ("" if one.kept else "  BROKEN")


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean cosine of the rows of two float32 (N, D); NaN if a row is zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        a = one / np.linalg.norm(one, axis=-1, keepdims=True)
        b = other / np.linalg.norm(other, axis=-1, keepdims=True)
    return float((a * b).sum(-1).mean())


def max_difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Largest absolute difference of two float32 arrays of one shape."""
    return float(np.abs(one - other).max())


def error(original: NDArray[np.float32], made: NDArray[np.float32]) -> float:
    """Length of the difference of two float32 arrays of one shape, as a share of the length of the original; 0 for two empty ones."""
    return float(np.linalg.norm(original - made) / max(float(np.linalg.norm(original)), 1e-9))


def agreement(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Share of the rows of two float32 (N, V) whose largest entry is in the same place."""
    return float((one.argmax(-1) == other.argmax(-1)).mean())


def overlap(one: NDArray[np.float32], other: NDArray[np.float32], count: int) -> float:
    """Mean share of the `count` largest entries of a row that two float32 (N, V) have in common."""
    best = [np.argsort(-scores, axis=-1, kind="stable")[:, :count] for scores in (one, other)]
    return float(np.mean([len(set(a) & set(b)) / count for a, b in zip(*best, strict=True)]))


def edit_distance(one: Sequence[object], other: Sequence[object]) -> float:
    """Insertions, deletions and replacements that turn one sequence into the other, divided by the longer length; 0 for two empty ones."""
    before = list(range(len(other) + 1))
    for row, item in enumerate(one, 1):
        now = [row]
        for column, wanted in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (item != wanted)))
        before = now
    return before[-1] / max(len(one), len(other), 1)
