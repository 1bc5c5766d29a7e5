"""The interface of a captioner's decoder to the decoding loops, its special tokens, and two functions of logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
Ids = NDArray[np.int64]
LogProbabilities = NDArray[np.float64]


class Decoder(Protocol):
    """A decoder on one picture that holds the tokens of B captions. Tokens that were fed count until they are dropped."""

    def step(self, tokens: Ids) -> Logits:
        """Feed the next tokens, int64 (B, T).

        Returns logits: float32 (B, T, V), after each token; or float32 (B, 1, V), after the last token only.

        Raises:
            DescribeError: the logits are not finite.
        """

    def drop(self, count: int) -> None:
        """Continue as if the last `count` tokens of each caption had not been fed."""

    def reorder(self, rows: Sequence[int]) -> None:
        """Continue with these rows of the batch; a row may be given several times."""


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Token ids: `prompt` is fed before every caption and is not part of it; `end` ends a caption; `pad` is fed after its end."""

    prompt: tuple[int, ...]
    end: int
    pad: int


def log_softmax(logits: Logits) -> LogProbabilities:
    """Return the log-probabilities, float64 (B, V), of logits, float32 (B, V)."""
    wide = logits.astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    return np.asarray(wide - np.log(np.exp(wide).sum(-1, keepdims=True)))


def largest(values: Logits | LogProbabilities, count: int) -> Ids:
    """Return the positions of the `count` largest of `values` (V,), int64, largest first; equal values in the order of position.

    This takes a fraction of the time of sorting all values.
    """
    count = min(count, len(values))
    candidates = np.flatnonzero(values >= np.partition(values, -count)[-count])
    return candidates[np.argsort(-values[candidates], kind="stable")[:count]]
