"""Giving the labels of a station their probability: how likely is each as the next words after the description?

The prefix (instruction, labels and examples) is computed once and kept. Per frame the description is computed once for all labels,
together with every label's own tokens, in one run of the language model. That equals scoring K full prompts, at the price of one
description: docs/decisions/0004-rank-classification.md. Generating under a grammar that allows only the labels needs nothing more: what it
would choose from stands in the same logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.calibration.scales import probabilities
from edge.errors import BundleError, JudgeError
from edge.judges.language_model import MAX_BATCH, MAX_LABELS, MAX_ROWS, LanguageModel
from edge.judges.prompt import CONTENT_FREE, Prompt, description_text
from edge.judges.scoring import RANK, Method
from edge.judges.token_tree import Tree, closed
from edge.records import Scores, Words
from firmware_config.labels import Label

MIN_WORDS = 32
"""Tokens that must be left for the words of a picture, some tags and attributes; a station that leaves less could judge nothing."""


class LabelJudge:
    """Gives each label of a station its probability."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        labels: Sequence[Label],
        prompt: Prompt,
        adapter: Path | None,
        temperature: float | None,
        method: Method = RANK,
        adapter_digest: str | None = None,
    ) -> None:
        self._model = model
        self._labels = tuple(label.name for label in labels)
        self._prompt = prompt
        self._prefix = model.tokenize(prompt.prefix, special=True, begin=True)
        self._suffix = model.tokenize(prompt.suffix, special=True)
        tails = [model.tokenize(answer) for answer in prompt.answers]
        self._tails = closed(tails)
        self._adapter = adapter
        self._adapter_digest = adapter_digest
        self._method = method
        self._temperature = temperature
        self._require_fit(tails)
        if adapter is not None:
            model.load_adapter(adapter)
        self._content_free = np.zeros(len(labels))
        if method.score == "contextual":
            (self._content_free,) = self._log_likelihoods([model.tokenize(CONTENT_FREE) + self._suffix])

    def score(self, words: Words) -> Scores:
        """Score every label; see `edge.interfaces.Judge`. A description that is too long loses its last captions."""
        shared = self._shared(words)
        return self._scores(shared, self._log_likelihoods([shared])[0])

    def score_each(self, descriptions: Sequence[Words]) -> tuple[Scores, ...]:
        """Score many descriptions, in as few decodes as hold them: what several have in common at their begin is computed once.

        Other batches round otherwise, so the numbers are near those of `score`, and comparable among themselves.

        Raises:
            JudgeError: as `score`.
        """
        waiting, scores = [self._shared(words) for words in descriptions], []
        while waiting:
            count = 1
            while count < len(waiting) and self._holds(waiting[: count + 1]):
                count += 1
            found = self._log_likelihoods(waiting[:count])
            scores += [self._scores(shared, some) for shared, some in zip(waiting[:count], found, strict=True)]
            waiting = waiting[count:]
        return tuple(scores)

    def _holds(self, stems: Sequence[Sequence[int]]) -> bool:
        if len(stems) * len(self._tails) > MAX_LABELS:
            return False
        tree = Tree(stems, self._tails)
        return len(tree.tokens) <= self._batch and len(tree.asked) <= MAX_ROWS

    def _log_likelihoods(self, stems: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Of each label after each description, float64 (N, K)."""
        tree = Tree(stems, self._tails)
        with self._model.lock:
            found = self._model.ask(self._prefix, tree, self._adapter)
        return self._method.log_likelihoods(tree, found).reshape(len(stems), -1) - self._content_free

    def _scores(self, shared: Sequence[int], log_likelihoods: NDArray[np.float64]) -> Scores:
        chances = probabilities(log_likelihoods, self._temperature or 1.0)
        return Scores(
            labels=self._labels,
            log_likelihoods=tuple(map(float, log_likelihoods)),
            probabilities=tuple(map(float, chances)),
            method=self._method.name,
            prompt_tokens=len(self._prefix) + len(shared),
            calibrated=self._temperature is not None,
            prompt=self._prompt.digest,
            adapter=self._adapter_digest,
        )

    @property
    def _batch(self) -> int:
        """Tokens of one decode after the prefix."""
        return min(MAX_BATCH, self._model.context_tokens - len(self._prefix))

    def _shared(self, words: Words) -> list[int]:
        room = self._batch - sum(len(tail) for tail in self._tails)
        for captions in range(len(words.captions), -1, -1):
            shared = self._model.tokenize(description_text(words, captions=captions)) + self._suffix
            if len(shared) <= room:
                return shared
        msg = f"tags and attributes alone are {len(shared)} tokens, at most {room} fit beside the labels: describe with fewer words"
        raise JudgeError(msg)

    def _require_fit(self, tails: Sequence[Sequence[int]]) -> None:
        """Refuse now what could only fail, or mislead, with every picture."""
        for text in self._prompt.plain:
            if self._model.tokenize(text, special=True) != self._model.tokenize(text):
                msg = (
                    f"labels, meanings and examples may hold no control token of the language model, one is in {text[:200]!r}: take it out"
                )
                raise BundleError(msg)
        for i, tail in enumerate(tails):
            if not tail or tail in tails[:i]:
                what = f"as label {self._labels[tails.index(tail)]!r}" if tail else "as nothing"
                msg = f"label {self._labels[i]!r} reads to the language model {what}: give it another name"
                raise BundleError(msg)
        answers = sum(len(tail) for tail in self._tails)
        left = self._batch - answers - len(self._suffix)
        if answers > MAX_ROWS:
            msg = f"the {len(tails)} labels are {answers} tokens, at most {MAX_ROWS} fit: shorten their names, or answer with letters"
            raise BundleError(msg)
        if left < MIN_WORDS:
            msg = (
                f"the instruction with {len(tails)} labels and its examples is {len(self._prefix)} tokens, too many for a context of "
                f"{self._model.context_tokens}: shorten meanings, take fewer examples, or build with more llm.context_tokens"
            )
            raise BundleError(msg)
