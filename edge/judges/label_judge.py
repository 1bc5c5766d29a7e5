"""Scores each label of a station: how likely is it as the continuation of the description?

The prefix (instruction, labels and examples) is computed once and kept. For each picture one run of the language model computes the
description once and, after it, the tokens of every label. The result equals that of K full prompts at the price of one description:
docs/decisions/0004-rank-classification.md. Generating under a grammar that allows only the labels is read from the same logits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.calibration.scales import probabilities
from edge.errors import BundleError, JudgeError
from edge.judges.language_model import MAX_BATCH, MAX_LABELS, MAX_ROWS, LanguageModel
from edge.judges.prompt import CONTENT_FREE, Prompt, description_text
from edge.judges.scoring import Scoring, label_log_likelihoods
from edge.judges.token_tree import TokenTree, end_prefixes
from edge.records import Scores, Words
from firmware_config.labels import Label
from firmware_config.verified_file import StoredFile

MIN_DESCRIPTION_TOKENS = 32
"""Tokens that must be left for a description: a few tags and attributes. A station that leaves less is refused."""


class LabelJudge:
    """Scores the labels of one station with a language model.

    `temperature` divides the log-likelihoods before the softmax; None: the probabilities are not calibrated. `adapter_digest` goes into
    the scores.

    Raises:
        BundleError: the adapter does not fit the model, or labels, examples or the instruction cannot be judged with it.
        JudgeError: the model failed on the description without content (scoring "contextual").
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        labels: Sequence[Label],
        prompt: Prompt,
        adapter: StoredFile | None,
        temperature: float | None,
        scoring: Scoring = "rank",
        adapter_digest: str | None = None,
    ) -> None:
        self.prompt_digest = prompt.digest
        self.adapter_digest = adapter_digest
        self.scoring = scoring
        self._model = model
        self._labels = tuple(label.name for label in labels)
        self._prefix = model.tokenize(prompt.prefix, special=True, begin=True)
        self._suffix = model.tokenize(prompt.suffix, special=True)
        answers = [model.tokenize(answer) for answer in prompt.answers]
        self._answers = end_prefixes(answers)
        self._adapter = adapter
        self._temperature = temperature
        self._require_no_control_tokens(prompt)
        self._require_distinct(answers)
        self._require_room()
        if adapter is not None:
            model.load_adapter(adapter)
        self._content_free = np.zeros(len(labels))
        if scoring == "contextual":
            (self._content_free,) = self._log_likelihoods([model.tokenize(CONTENT_FREE) + self._suffix])

    @property
    def prefix(self) -> tuple[StoredFile | None, tuple[int, ...]]:
        """What the language model keeps for this judge: the adapter, and the tokens before each description."""
        return self._adapter, tuple(self._prefix)

    def prepare(self) -> None:
        """Let the language model compute what stands before each description, which else the first picture waits for.

        Raises:
            JudgeError: the model failed.
        """
        self._model.prepare(self._prefix, self._adapter)

    def score(self, words: Words) -> Scores:
        """Score every label; see `edge.interfaces.Judge`. A description that is too long loses its last captions.

        Raises:
            JudgeError: the model failed, gave numbers that are not finite, or tags and attributes alone are too long.
        """
        stem = self._stem(words)
        return self._scores(stem, self._log_likelihoods([stem])[0])

    def score_each(self, descriptions: Sequence[Words]) -> tuple[Scores, ...]:
        """Score many descriptions in as few decodes as possible; what several of them share at their start is computed once.

        Numbers depend on the rest of the batch through rounding: compare them with each other, not with those of `score`.

        Raises:
            JudgeError: as `score`.
        """
        waiting, scores = [self._stem(words) for words in descriptions], []
        while waiting:
            count = 1
            while count < len(waiting) and self._fits_one_decode(waiting[: count + 1]):
                count += 1
            log_likelihoods = self._log_likelihoods(waiting[:count])
            scores += [self._scores(stem, row) for stem, row in zip(waiting[:count], log_likelihoods, strict=True)]
            waiting = waiting[count:]
        return tuple(scores)

    def _fits_one_decode(self, stems: Sequence[Sequence[int]]) -> bool:
        if len(stems) * len(self._answers) > MAX_LABELS:
            return False
        tree = TokenTree(stems, self._answers)
        return len(tree.tokens) <= self._batch_tokens and len(tree.asked) <= MAX_ROWS

    def _log_likelihoods(self, stems: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Of each of K labels after each of N stems: float64 (N, K) in nats."""
        tree = TokenTree(stems, self._answers)
        with self._model.lock:
            log_probabilities = self._model.ask(self._prefix, tree, self._adapter)
        return label_log_likelihoods(tree, log_probabilities, self.scoring).reshape(len(stems), -1) - self._content_free

    def _scores(self, stem: Sequence[int], log_likelihoods: NDArray[np.float64]) -> Scores:
        return Scores(
            labels=self._labels,
            log_likelihoods=tuple(map(float, log_likelihoods)),
            probabilities=tuple(map(float, probabilities(log_likelihoods, self._temperature or 1.0))),
            method=self.scoring,
            prompt_tokens=len(self._prefix) + len(stem),
            calibrated=self._temperature is not None,
            prompt=self.prompt_digest,
            adapter=self.adapter_digest,
        )

    @property
    def _batch_tokens(self) -> int:
        """Tokens of one decode after the prefix."""
        return min(MAX_BATCH, self._model.context_tokens - len(self._prefix))

    def _stem(self, words: Words) -> list[int]:
        """Tokens of the description and the suffix, which are the same before every label."""
        room = self._batch_tokens - sum(len(answer) for answer in self._answers)
        for captions in range(len(words.captions), -1, -1):
            stem = self._model.tokenize(description_text(words, captions=captions)) + self._suffix
            if len(stem) <= room:
                return stem
        msg = f"judging a description: tags and attributes alone are {len(stem)} tokens, at most {room} fit: lower [describe] tags"
        raise JudgeError(msg)

    def _require_no_control_tokens(self, prompt: Prompt) -> None:
        for text in prompt.plain:
            if self._model.tokenize(text, special=True) != self._model.tokenize(text):
                msg = f"labels, meanings and examples must not hold a control token of the language model, {text[:200]!r} does: remove it"
                raise BundleError(msg)

    def _require_distinct(self, answers: Sequence[Sequence[int]]) -> None:
        for i, answer in enumerate(answers):
            if not answer:
                msg = f"label {self._labels[i]!r} has no token of the language model: give it another name"
                raise BundleError(msg)
            if answer in answers[:i]:
                same = self._labels[answers.index(answer)]
                msg = f"label {self._labels[i]!r} has the same tokens as label {same!r}: give it another name"
                raise BundleError(msg)

    def _require_room(self) -> None:
        answer_tokens = sum(len(answer) for answer in self._answers)
        if answer_tokens > MAX_ROWS:
            msg = f"the {len(self._answers)} labels are {answer_tokens} tokens, at most {MAX_ROWS} fit: shorten their names"
            raise BundleError(msg)
        if self._batch_tokens - answer_tokens - len(self._suffix) < MIN_DESCRIPTION_TOKENS:
            msg = (
                f"the instruction with {len(self._answers)} labels and its examples is {len(self._prefix)} tokens, too many for a context "
                f"of {self._model.context_tokens}: shorten meanings, take fewer examples, or build with more llm.context_tokens"
            )
            raise BundleError(msg)
