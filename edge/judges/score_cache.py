"""A judge that remembers: the same words get the scores that they got before, without the language model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from edge.interfaces import Judge
from edge.judges.prompt import description_text
from edge.records import Scores, Words


class RememberingJudge:
    """Keeps the scores of the last `keep` descriptions; `told` hears of each judgement whether it was remembered.

    The key is the very text that is judged. Model, adapter, instruction, labels and method are those of `judge`, which never change.
    """

    def __init__(self, judge: Judge, *, keep: int, told: Callable[[bool], None]) -> None:
        self._judge = judge
        self._keep = keep
        self._told = told
        self._known: OrderedDict[str, Scores] = OrderedDict()
        self._lock = threading.Lock()

    def score(self, words: Words) -> Scores:
        """Score as the judge did or does; see `edge.interfaces.Judge`. What it cannot judge is not remembered."""
        text = description_text(words)
        with self._lock:
            scores = self._known.get(text)
            if scores is not None:
                self._known.move_to_end(text)
        self._told(scores is not None)
        if scores is not None:
            return scores
        scores = self._judge.score(words)
        with self._lock:
            self._known[text] = scores
            self._known.move_to_end(text)
            while len(self._known) > self._keep:
                self._known.popitem(last=False)
        return scores
