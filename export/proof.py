"""Proof that an exported graph still does what its original does: figures by stage, limits, and what to try where a limit is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.errors import BuildError
from export.quantize import Precision

LIMITS: dict[Precision, dict[str, float]] = {
    "fp32": {"cosine": 0.99999, "agreement": 0.999, "overlap": 0.999},
    "fp16": {"cosine": 0.9999, "agreement": 0.99, "overlap": 0.98},
    "int8": {"cosine": 0.99, "agreement": 0.9, "overlap": 0.8},
    "int8-full": {"cosine": 0.99, "agreement": 0.9, "overlap": 0.8},
    "int8-static": {"cosine": 0.98, "agreement": 0.85, "overlap": 0.75},
    "int4": {"cosine": 0.97, "agreement": 0.8, "overlap": 0.7},
}
"""At least this much of each figure, where the specification says nothing else."""

TRY: dict[Precision, str] = {
    "fp32": "fp32 is the original: the export itself is wrong, report it",
    "fp16": "fp32",
    "int8": "int8-full, then fp32",
    "int8-full": "fp32",
    "int8-static": "int8",
    "int4": "int8",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one stage: `kind` is "cosine", "agreement" or "overlap", all of which are 1 when nothing was lost."""

    stage: str
    kind: str
    precision: Precision
    value: float
    limit: float

    @property
    def kept(self) -> bool:
        """Whether the limit is kept; a figure that is no number keeps none."""
        return self.value >= self.limit


def figure(stage: str, kind: str, precision: Precision, value: float, limits: dict[str, float] | None = None) -> Figure:
    """A figure beside the limit of its kind."""
    return Figure(stage, kind, precision, value, (LIMITS[precision] | (limits or {}))[kind])


def require_kept(figures: Sequence[Figure]) -> None:
    """Check every limit.

    Raises:
        BuildError: one is broken; the message is a table of all figures that says which, and which precision to try.
    """
    broken = [one for one in figures if not one.kept]
    if broken:
        worst = min(broken, key=lambda one: one.value - one.limit)
        msg = (
            f"{len(broken)} of {len(figures)} figures of the proof are below their limits, worst {worst.stage} ({worst.kind} "
            f"{worst.value:.5f}, limit {worst.limit:g}) in {worst.precision}: try {TRY[worst.precision]}\n{table(figures)}"
        )
        raise BuildError(msg)


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines, broken limits marked."""
    width = max((len(one.stage) for one in figures), default=5)
    head = f"{'stage':{width}}  {'figure':9}  {'precision':11}  {'value':>9}  {'limit':>9}"
    lines = (
        f"{one.stage:{width}}  {one.kind:9}  {one.precision:11}  {one.value:9.5f}  {one.limit:9.5f}" + ("" if one.kept else "  BROKEN")
        for one in figures
    )
    return "\n".join((head, *lines))


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean cosine of rows, (N, D) each; not a number where a row has no length."""
    with np.errstate(invalid="ignore", divide="ignore"):
        a = one / np.linalg.norm(one, axis=-1, keepdims=True)
        b = other / np.linalg.norm(other, axis=-1, keepdims=True)
    return float((a * b).sum(-1).mean())


def agreement(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Share of rows, (N, V) each, whose largest entry is the same."""
    return float((one.argmax(-1) == other.argmax(-1)).mean())


def overlap(one: NDArray[np.float32], other: NDArray[np.float32], count: int) -> float:
    """Mean share of the `count` largest entries of each row, (N, V) each, that both have."""
    best = [np.argsort(-scores, axis=-1, kind="stable")[:, :count] for scores in (one, other)]
    return float(np.mean([len(set(a) & set(b)) / count for a, b in zip(*best, strict=True)]))
