"""What the protocols ask of a language model and of its tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.records import Words
from export.instruct.judge import JudgeScorers
from export.instruct.neutral import neutral_labels
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


__all__ = ["Allowed", "Neutral", "Tuner", "neutral_labels"]
