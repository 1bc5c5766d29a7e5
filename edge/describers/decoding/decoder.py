"""What the generating loops need of a captioner's decoder, and the tokens that it gives a meaning."""

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
    """A decoder on one picture with B captions begun: the tokens that it was fed count until they are dropped."""

    def step(self, tokens: Ids) -> Logits:
        """Feed the next tokens, int64 (B, T).

        Returns float32 (B, T, V), the logits after each of them; or float32 (B, 1, V), those after the last one alone.

        Raises:
            DescribeError: the logits are not finite.
        """

    def drop(self, count: int) -> None:
        """Continue as if the last `count` tokens of each caption had not been fed."""

    def reorder(self, rows: Sequence[int]) -> None:
        """Continue with these of the B captions; one may be taken several times."""


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Token ids: `prompt` begins every caption and is no part of it, `end` ends it, `pad` is fed to captions that have ended."""

    prompt: tuple[int, ...]
    end: int
    pad: int


def log_softmax(logits: Logits) -> LogProbabilities:
    """Log-probabilities, float64 (B, V), of logits, float32 (B, V)."""
    wide = logits.astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    return np.asarray(wide - np.log(np.exp(wide).sum(-1, keepdims=True)))


def largest(values: Logits | LogProbabilities, count: int) -> Ids:
    """Positions of the `count` largest of `values` (V,), largest first; of equal values the first position comes first.

    Sorting all values instead takes several times as long.
    """
    count = min(count, len(values))
    candidates = np.flatnonzero(values >= np.partition(values, -count)[-count])
    return candidates[np.argsort(-values[candidates], kind="stable")[:count]]
