"""Token sequences after one prefix as a tree, so that what several have in common is computed once, all in one decode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

END = -1
"""Stands for "the answer ends here": an end-of-generation token or a line break."""


def closed(answers: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Answers of which none begins another: one that did gets an `END`.

    Else "crack" would be at least as likely as "crack at a busbar" whatever the words say, being a part of it.
    """
    known = [tuple(answer) for answer in answers]
    return [(*own, END) if any(own == other[: len(own)] for other in known[:i] + known[i + 1 :]) else own for i, own in enumerate(known)]


class Tree:
    """Each of `stems` followed by each of `answers`.

    `tokens`, `positions` (counted from the end of the prefix) and `sequences` describe the rows of the batch: a sequence is a stem with an
    answer, numbered stem by stem. `asked` are, by row, the next tokens (or `END`) whose probability is wanted there. `paths` are, by
    sequence, where to look: (row, place in `asked[row]`) for each token of the answer.
    """

    def __init__(self, stems: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> None:
        self.tokens: list[int] = []
        self.positions: list[int] = []
        self.sequences: list[list[int]] = []
        self.asked: dict[int, list[int]] = {}
        self.paths: list[list[tuple[int, int]]] = []
        self._rows: dict[tuple[int, int], int] = {}
        for number, (stem, answer) in enumerate((stem, answer) for stem in stems for answer in answers):
            row = -1
            for position, token in enumerate(stem):
                row = self._row(row, token, position, number)
            path = []
            for position, token in enumerate(answer, len(stem)):
                asked = self.asked.setdefault(row, [])
                if token not in asked:
                    asked.append(token)
                path.append((row, asked.index(token)))
                if position + 1 < len(stem) + len(answer):
                    row = self._row(row, token, position, number)
            self.paths.append(path)

    def visible(self) -> NDArray[np.bool_]:
        """Which row sees which: bool (T, T), true where the second is the first or stands before it in all its sequences."""
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
