"""What the protocols ask of a language model and of its tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.records import Words
from export.instruct.judge import JudgeScorers
from firmware_config.labels import Label

Allowed = Sequence[tuple[str, ...]]
"""For each description the names of the labels of which one is right."""


class Tuner(Protocol):
    """Tunes the language model on descriptions; the same call gives the same adapter, and is quick the second time."""

    def tune(
        self, words: Sequence[Words], allowed: Allowed, *, validation_words: Sequence[Words], validation_allowed: Allowed,
        labels: Sequence[Label], seed: int,
    ) -> Path:  # fmt: skip
        """The file of the adapter, a LoRA in GGUF.

        Raises:
            ExportError: the model cannot be tuned on these.
        """
        ...


@dataclass(frozen=True, slots=True)
class Neutral:
    """The same labels under names that mean nothing, in the order of the station's, and a judge that answers with them."""

    labels: tuple[Label, ...]
    judge: JudgeScorers


NEUTRAL_NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu")


def neutral_labels(labels: Sequence[Label]) -> tuple[Label, ...]:
    """The labels with names and without meanings that tell something; their decisions stay."""
    names = [NEUTRAL_NAMES[i] if i < len(NEUTRAL_NAMES) else f"label {i}" for i in range(len(labels))]
    return tuple(Label(name=name, meaning="", decision=label.decision) for name, label in zip(names, labels, strict=True))
