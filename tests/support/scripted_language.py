"""A language model that is none: it counts words that sound like a defect. For what is built on one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.judges.prompt import description_text
from edge.records import Words
from export.evaluation.models import Neutral
from export.instruct.neutral import neutral_labels
from export.pilot.language import Language
from firmware_config.labels import Label

SUSPICIOUS = ("crack", "dark", "stain", "edge", "dead", "line")


class ScriptedScorers:
    """Says "not ok" the likelier, the more suspicious words there are; an adapter makes it surer."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._labels = labels

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.ones(len(self._labels), np.int64)

    def rank(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float64]:
        counts = np.array([sum(description_text(one).count(word) for word in SUSPICIOUS) for one in words], np.float64)
        not_ok = np.array([label.decision != "ok" for label in self._labels])
        return np.where(not_ok, (counts[:, None] - 3) * (0.5 if adapter is None else 1.0), 0.0) - 1.0

    def empty(self, adapter: Path | None = None) -> NDArray[np.float64]:
        return np.full(len(self._labels), -1.0 if adapter is None else -2.0)

    def generate(self, words: Sequence[Words], adapter: Path | None = None) -> tuple[str | None, ...]:
        return tuple(self._labels[row].name for row in self.rank(words, adapter).argmax(1))

    def hidden(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float32]:
        texts = [description_text(one) for one in words]
        return np.array([[text.count(word) + (adapter is not None) for word in SUSPICIOUS] for text in texts], np.float32)


def scripted_language(labels: Sequence[Label]) -> Language:
    """An untuned one."""
    others = neutral_labels(labels)
    return Language(ScriptedScorers(labels), Neutral(others, ScriptedScorers(others)), None)
