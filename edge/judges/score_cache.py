"""A score cache before another judge: words that were judged before get the same scores without the language model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from edge.interfaces import Judge
from edge.judges.prompt import description_text
from edge.records import Scores, Words


class CachedJudge:
    """Keeps the scores of the last `size` descriptions; may be shared by threads.

    The key is the text that the model reads. Model, adapter, instruction, labels and method do not change during the life of `judge`.
    `on_lookup` is called for each judgement: with True where the scores came from the cache.
    """

    def __init__(self, judge: Judge, *, size: int, on_lookup: Callable[[bool], None]) -> None:
        self._judge = judge
        self._size = size
        self._on_lookup = on_lookup
        self._cache: OrderedDict[str, Scores] = OrderedDict()
        self._lock = threading.Lock()

    def score(self, words: Words) -> Scores:
        """Score every label; see `edge.interfaces.Judge`. A failed judgement is not cached.

        Raises:
            JudgeError: as the other judge.
        """
        text = description_text(words)
        with self._lock:
            scores = self._cache.get(text)
            if scores is not None:
                self._cache.move_to_end(text)
        self._on_lookup(scores is not None)
        if scores is not None:
            return scores
        scores = self._judge.score(words)
        with self._lock:
            self._cache[text] = scores
            self._cache.move_to_end(text)
            while len(self._cache) > self._size:
                self._cache.popitem(last=False)
        return scores
