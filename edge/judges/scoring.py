"""How the log-likelihoods of tokens become those of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.judges.prompt import Answers
from edge.judges.token_tree import Tree


@dataclass(frozen=True, slots=True)
class Method:
    """The station's choice; docs/judging.md says what each is for."""

    kind: Literal["rank", "generate"] = "rank"
    score: Literal["sum", "mean", "contextual"] = "sum"
    answers: Answers = "words"

    @property
    def name(self) -> str:
        """As it stands in `Scores.method`: `rank/SCORE/ANSWERS` or `generate/ANSWERS`."""
        return f"rank/{self.score}/{self.answers}" if self.kind == "rank" else f"generate/{self.answers}"

    def log_likelihoods(self, tree: Tree, found: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
        """In nats, of each sequence of the tree. `found` are, by row, the log-probabilities of what the tree asks there.

        Of `generate`, a token's probability is its share among what the labels allow at its place, as a grammar makes it.
        """
        if self.kind == "generate":
            found = {row: some - np.logaddexp.reduce(some) for row, some in found.items()}
        sums = np.array([sum(float(found[row][place]) for row, place in path) for path in tree.paths])
        return sums / [len(path) for path in tree.paths] if self.kind == "rank" and self.score == "mean" else sums


RANK = Method()
"""What a station gets that says nothing."""
