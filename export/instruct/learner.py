"""A language model that learns to answer: the log-likelihoods of its labels, with trainable LoRA matrices beside frozen weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edge.judges.language_model import Vocabulary
from edge.judges.token_tree import END, end_prefixes
from edge.records import Words
from export.instruct.form import Form
from export.models.llm.adapter_file import write_adapter
from export.models.llm.gguf_weights import GgufWeights
from export.tuning.lora_llama import LoraLlama
from export.tuning.tune import ADAPTED, ALPHA, FROZEN_BATCH, RANK, TRAINED_LAYERS, Tails, batch_of

JUDGED_BATCH = 16
"""Descriptions that are judged together where nothing is learned."""

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A form in tokens: what stands before a description (P), behind it, and the labels, each with the token that ends an answer."""

    prefix: Tokens
    suffix: Tokens
    tails: Tails


class Learner(Protocol):
    """A model with one question."""

    @property
    def fingerprint(self) -> str:
        """`sha256:` of what the model is, as `GgufWeights.fingerprint`."""
        ...

    def tokens(self, words: Words) -> Tokens:
        """The tokens of a description up to the answer."""
        ...

    def prepare(self, descriptions: Iterable[Tokens]) -> None:
        """Compute once what does not change while these are learned."""
        ...

    def log_likelihoods(self, descriptions: Sequence[Tokens]) -> Tensor:
        """Log-likelihood of each label after each description, in nats: float32 (B, K), with gradients."""
        ...

    def parameters(self) -> dict[str, Tensor]:
        """What is trained, by name."""
        ...

    def restart(self, seed: int) -> None:
        """Initialise what is trained: the model then answers as without it."""
        ...

    def write(self, path: Path) -> None:
        """Write what is trained as a GGUF adapter, with the fingerprint."""
        ...


def judged(learner: Learner, descriptions: Sequence[Tokens]) -> NDArray[np.float64]:
    """Log-likelihoods float64 (N, K) in nats without learning. Each distinct description is judged once, those of a length together."""
    distinct = sorted(set(descriptions), key=lambda tokens: (len(tokens), tokens))
    learner.prepare(distinct)
    found: dict[Tokens, NDArray[np.float64]] = {}
    with torch.no_grad():
        for first in range(0, len(distinct), JUDGED_BATCH):
            batch = distinct[first : first + JUDGED_BATCH]
            found |= dict(zip(batch, learner.log_likelihoods(batch).numpy().astype(np.float64), strict=True))
    return np.array([found[tokens] for tokens in descriptions])


def question_of(form: Form, vocabulary: Vocabulary, weights: GgufWeights, *, ends: bool) -> Question:
    """A form in the tokens of a GGUF. With `ends` every answer is followed by the token that ends a text, else one that begins another."""
    end = int(weights.reader.fields["tokenizer.ggml.eos_token_id"].contents())
    answers = [tuple(vocabulary.tokenize(answer)) for answer in form.prompt.answers]
    ended = [(*answer, END) for answer in answers] if ends else end_prefixes(answers)
    return Question(
        tuple(vocabulary.tokenize(form.prompt.prefix, special=True, begin=True)),
        tuple(vocabulary.tokenize(form.prompt.suffix, special=True)),
        Tails(tuple(tuple(end if token == END else token for token in answer) for answer in ended)),
    )


class LlamaLearner:
    """A llama-family GGUF with a LoRA in its last layers, as a bundle holds it.

    The layers below the trained ones never change, so their hidden states are computed once for each description.
    """

    def __init__(self, model: Path, form: Form, *, ends: bool) -> None:
        """`ends`: see `question_of`."""
        self._vocabulary = Vocabulary.of_file(model)
        self._form = form
        self._weights = GgufWeights(model)
        self._question = question_of(form, self._vocabulary, self._weights, ends=ends)
        self._prefix = torch.tensor(self._question.prefix)
        self._model = LoraLlama(model, rank=RANK, alpha=ALPHA, adapted=ADAPTED, trained_layers=TRAINED_LAYERS)
        self._lower: dict[Tokens, Tensor] = {}

    @property
    def fingerprint(self) -> str:
        """See `Learner`."""
        return self._weights.fingerprint

    def tokens(self, words: Words) -> Tokens:
        """See `Learner`."""
        return (*self._vocabulary.tokenize(self._form.text(words)), *self._question.suffix)

    def prepare(self, descriptions: Iterable[Tokens]) -> None:
        """See `Learner`. Batches depend on `descriptions` alone: the same ones give the same numbers, bit by bit."""
        tails = self._question.tails
        missing = sorted(set(descriptions) - self._lower.keys(), key=lambda tokens: (len(tokens), tokens))
        for first in range(0, len(missing), FROZEN_BATCH):
            batch = missing[first : first + FROZEN_BATCH]
            self._lower[()], rows = self._model.lower(self._prefix, *batch_of(batch, tails, prefix_length=len(self._prefix)))
            for tokens, row in zip(batch, rows, strict=True):
                self._lower[tokens] = row[: len(tokens) + len(tails.inputs)].clone()

    def log_likelihoods(self, descriptions: Sequence[Tokens]) -> Tensor:
        """See `Learner`."""
        self.prepare(descriptions)
        tails = self._question.tails
        _, positions, visible = batch_of(descriptions, tails, prefix_length=len(self._prefix))
        rows = nn.utils.rnn.pad_sequence([self._lower[tokens] for tokens in descriptions], batch_first=True)
        hidden = self._model.upper(self._lower[()], rows, positions, visible)
        return likelihoods_of(hidden, [len(tokens) for tokens in descriptions], tails, self._model.head)

    def parameters(self) -> dict[str, Tensor]:
        """See `Learner`."""
        return {name: part for name, part in self._model.named_parameters() if part.requires_grad}

    def restart(self, seed: int) -> None:
        """See `Learner`."""
        torch.manual_seed(seed)
        self._model.restart()

    def write(self, path: Path) -> None:
        """See `Learner`."""
        shape = {"heads": self._model.heads, "key_value_heads": self._model.kv_heads}
        write_adapter(self._model.lora(), path, alpha=ALPHA, **shape, base=self.fingerprint)


def likelihoods_of(hidden: Tensor, lengths: Sequence[int], tails: Tails, head: Tensor) -> Tensor:
    """Log-likelihood of each label (B, K) from hidden states (B, L, H) of descriptions of these lengths, packed by `batch_of`.

    `head` (V, H) makes logits of them; only the rows before and inside answers go through it.
    """
    inputs = len(tails.inputs)
    ends = torch.stack([hidden[row, length - 1 : length + inputs] for row, length in enumerate(lengths)])
    return tails.log_likelihoods(functional.log_softmax(functional.linear(ends, head).float(), -1))
