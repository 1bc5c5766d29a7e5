"""Token sequences after one prefix as a tree: tokens that several sequences share are computed once, all in one decode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

END = -1
"""Stands for the end of the answer: an end-of-generation token or a line break."""


def end_prefixes(answers: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Append `END` to each answer that is a prefix of another one.

    Without it "crack" would always be at least as likely as "crack at a busbar", because it is a part of it.
    """
    sequences = [tuple(answer) for answer in answers]
    return [
        (*sequence, END) if any(sequence == other[: len(sequence)] for other in sequences[:i] + sequences[i + 1 :]) else sequence
        for i, sequence in enumerate(sequences)
    ]


class TokenTree:
    """Each of N stems (a description and the instruction after it) followed by each of K answers (labels): N * K sequences.

    A row is one token of the batch, T in all.

    Attributes:
        tokens: the token of each row.
        positions: the position of each row, counted from the end of the prefix.
        sequences: for each row the sequences that it belongs to; sequences are numbered stem by stem.
        asked: by row, the next tokens (or `END`) whose log-probability is needed after it.
        paths: for each sequence (row, column in `asked[row]`) of each token of its answer.
    """

    def __init__(self, stems: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> None:
        self.tokens: list[int] = []
        self.positions: list[int] = []
        self.sequences: list[list[int]] = []
        self.asked: dict[int, list[int]] = {}
        self.paths: list[list[tuple[int, int]]] = []
        self._rows: dict[tuple[int, int], int] = {}
        for sequence, (stem, answer) in enumerate((stem, answer) for stem in stems for answer in answers):
            row = -1
            for position, token in enumerate(stem):
                row = self._row(row, token, position, sequence)
            path = []
            for position, token in enumerate(answer, len(stem)):
                asked = self.asked.setdefault(row, [])
                if token not in asked:
                    asked.append(token)
                path.append((row, asked.index(token)))
                if position + 1 < len(stem) + len(answer):
                    row = self._row(row, token, position, sequence)
            self.paths.append(path)

    def visible(self) -> NDArray[np.bool_]:
        """Which row attends to which: bool (T, T), true where the second is the first or precedes it in all its sequences."""
        belongs = np.zeros((len(self.tokens), len(self.paths)), np.float32)
        for row, sequences in enumerate(self.sequences):
            belongs[row, sequences] = 1
        return np.tril(belongs @ (1 - belongs).T == 0)

    def _row(self, parent: int, token: int, position: int, sequence: int) -> int:
        row = self._rows.setdefault((parent, token), len(self.tokens))
        if row == len(self.tokens):
            self.tokens.append(token)
            self.positions.append(position)
            self.sequences.append([])
        self.sequences[row].append(sequence)
        return row
