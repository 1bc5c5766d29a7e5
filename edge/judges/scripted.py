"""A judge without a model, for tests of the rooms that use one."""

from __future__ import annotations

from collections.abc import Callable

from edge.records import Scores, Words


class ScriptedJudge:
    """Scores words with a function."""

    def __init__(self, scores: Callable[[Words], Scores]) -> None:
        self._scores = scores

    def score(self, words: Words) -> Scores:
        """Score every label; see `edge.interfaces.Judge`."""
        return self._scores(words)
