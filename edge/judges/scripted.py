"""A judge with a fixed opinion by the first caption or tag: for tests of what comes after."""

from __future__ import annotations

from collections.abc import Callable

from edge.records import Scores, Words


class ScriptedJudge:
    """Asks a plain function."""

    def __init__(self, opinion: Callable[[Words], Scores]) -> None:
        self._opinion = opinion

    def score(self, words: Words) -> Scores:
        """Say what the function says; see `edge.interfaces.Judge`."""
        return self._opinion(words)
