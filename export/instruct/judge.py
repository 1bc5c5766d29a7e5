"""What a language model makes of descriptions: log-likelihoods of labels, generated answers, hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.records import Words


class JudgeScorers(Protocol):
    """Scores of N descriptions for K labels by one language model, without or with a LoRA adapter (a GGUF file)."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each label, int64 (K,)."""
        ...

    def rank(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float64]:
        """Log-likelihood of each label after each description, in nats: float64 (N, K), the sum over its tokens."""
        ...

    def empty(self, adapter: Path | None = None) -> NDArray[np.float64]:
        """Log-likelihood of each label after a description without content, float64 (K,), for contextual calibration."""
        ...

    def generate(self, words: Sequence[Words], adapter: Path | None = None) -> tuple[str | None, ...]:
        """The label that the model generates after each description; None where it says something else: a paraphrase is none."""
        ...

    def hidden(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float32]:
        """The last hidden state before the label, after the last norm: float32 (N, H)."""
        ...
