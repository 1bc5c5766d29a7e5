"""Instruction tuning as rank classification: the adapter learns to make the right labels the likeliest continuation.

The loss is computed as on the box: -log of the probability of the allowed labels after the softmax over label log-likelihoods. An example
that is only known to be defective allows every label of a defect. Rank 8, alpha 16 and learning rate 1e-3 with 10 % warm-up are those of
VLLaVO (arXiv 2401.03253). Batches are small, since descriptions are short and the cost of a step is that of its tokens.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.judges.language_model import Vocabulary
from edge.judges.prompt import Prompt, description_text, label_text
from edge.records import Words
from export.models.llm.adapter_file import write_adapter
from export.models.llm.gguf_weights import GgufWeights
from export.progress import Report
from export.tuning.examples import Example
from export.tuning.lora_llama import LoraLlama
from firmware_config.labels import Label

RANK, ALPHA = 8, 16.0
ADAPTED, TRAINED_LAYERS = ("q_proj", "v_proj", "o_proj", "down_proj"), 8
"""The matrices that get a LoRA, and the number of layers, from the last, in which they get one."""
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises; afterwards it falls along a cosine to zero."""
FROZEN_BATCH = 24
"""Examples that go through the frozen layers together."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """Settings of one tuning: passes over the examples, examples in a step, peak learning rate, seed."""

    epochs: float = 1.0
    batch: int = 8
    learning_rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tails:
    """The tokens of each label, which follow a description."""

    tokens: tuple[tuple[int, ...], ...]

    @property
    def inputs(self) -> list[int]:
        """The input tokens after a description (T): of one label after the other all tokens but the last."""
        return [token for tail in self.tokens for token in tail[:-1]]

    def log_likelihoods(self, log_probabilities: Tensor) -> Tensor:
        """Log-likelihood of each label, (B, K), from log-probabilities (B, 1 + T, V) after the description and after each of `inputs`."""
        columns, row = [], 1
        for tail in self.tokens:
            rows = [0, *range(row, row + len(tail) - 1)]
            row += len(tail) - 1
            columns.append(log_probabilities[:, rows, list(tail)].sum(-1))
        return torch.stack(columns, -1)


def batch_of(descriptions: Sequence[Sequence[int]], tails: Tails, *, prefix_length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pack descriptions, each followed by all label tails, into `ids` and `positions` int64 (B, L) and `visible` bool (B, L, L)."""
    length = max(map(len, descriptions)) + len(tails.inputs)
    ids, positions = torch.zeros(len(descriptions), length, dtype=torch.int64), torch.zeros(len(descriptions), length, dtype=torch.int64)
    visible = torch.eye(length, dtype=torch.bool).repeat(len(descriptions), 1, 1)
    for i, tokens in enumerate(descriptions):
        count = len(tokens)
        ids[i, : count + len(tails.inputs)] = torch.tensor([*tokens, *tails.inputs])
        positions[i, :count] = torch.arange(count) + prefix_length
        visible[i, :count, :count] = torch.ones(count, count, dtype=torch.bool).tril()
        start = count
        for tail in tails.tokens:
            inputs = len(tail) - 1
            end = start + inputs
            positions[i, start:end] = torch.arange(inputs) + prefix_length + count
            visible[i, start:end, :count] = True
            visible[i, start:end, start:end] = torch.ones(inputs, inputs, dtype=torch.bool).tril()
            start = end
    return ids, positions, visible


class Tuner:
    """Tunes a language model, a GGUF file, to one station's labels under one template."""

    def __init__(self, model: Path, *, vocabulary: Vocabulary, template: str, labels: Sequence[Label]) -> None:
        self.model = LoraLlama(model, rank=RANK, alpha=ALPHA, adapted=ADAPTED, trained_layers=TRAINED_LAYERS)
        self._base = GgufWeights(model).fingerprint
        self._vocabulary = vocabulary
        prompt = Prompt.parse(template, labels)
        self._prefix = torch.tensor(vocabulary.tokenize(prompt.prefix, special=True, begin=True))
        self._suffix = vocabulary.tokenize(prompt.suffix, special=True)
        self._tails = Tails(tuple(tuple(vocabulary.tokenize(label_text(label))) for label in labels))
        self._lower_states: dict[tuple[int, ...], Tensor] = {}
        self.labels = tuple(label.name for label in labels)

    def tokens(self, words: Words) -> list[int]:
        """The tokens of a description up to the label, as the box makes them."""
        return self._vocabulary.tokenize(description_text(words)) + self._suffix

    def log_likelihoods(self, descriptions: Sequence[Sequence[int]]) -> Tensor:
        """Log-likelihood of each label after each description (tokens), float32 (B, K)."""
        prefix, states = self._frozen_states(descriptions)
        _, positions, visible = batch_of(descriptions, self._tails, prefix_length=len(self._prefix))
        rows = nn.utils.rnn.pad_sequence(states, batch_first=True)
        hidden = self.model.upper(prefix, rows, positions, visible)
        inputs = len(self._tails.inputs)
        ends = torch.stack([hidden[i, len(tokens) - 1 : len(tokens) + inputs] for i, tokens in enumerate(descriptions)])
        logits = functional.linear(ends, self.model.head).float()
        return self._tails.log_likelihoods(functional.log_softmax(logits, -1))

    def _frozen_states(self, descriptions: Sequence[Sequence[int]]) -> tuple[Tensor, list[Tensor]]:
        """Hidden states after the frozen layers: of the prefix, (P, H), and of each description with all label tails, (L, H).

        They are computed once and kept.
        """
        missing = sorted({tuple(tokens) for tokens in descriptions} - self._lower_states.keys(), key=lambda tokens: (len(tokens), tokens))
        for first in range(0, len(missing), FROZEN_BATCH):
            batch = missing[first : first + FROZEN_BATCH]
            self._lower_states[()], rows = self.model.lower(self._prefix, *batch_of(batch, self._tails, prefix_length=len(self._prefix)))
            for tokens, row in zip(batch, rows, strict=True):
                self._lower_states[tokens] = row[: len(tokens) + len(self._tails.inputs)].clone()
        return self._lower_states[()], [self._lower_states[tuple(tokens)] for tokens in descriptions]

    def tune(self, examples: Sequence[Example], settings: Tuning, *, report: Report) -> None:
        """Initialise the LoRA matrices and train them for at least one step. Each example must allow a label of the station."""
        torch.manual_seed(settings.seed)
        self.model.restart()
        descriptions = [self.tokens(example.words) for example in examples]
        allowed = torch.tensor([[label in example.allowed for label in self.labels] for example in examples])
        report(f"reading {len(examples)} examples")
        self._frozen_states(descriptions)
        steps = max(1, round(settings.epochs * len(examples) / settings.batch))
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.0)
        rng = np.random.default_rng(settings.seed)
        order: list[int] = []
        started, mean = time.monotonic(), math.nan
        for step in range(steps):
            if len(order) < settings.batch:
                order += rng.permutation(len(examples)).tolist()
            picked, order = order[: settings.batch], order[settings.batch :]
            warm_up, cosine = min(1.0, (step + 1) / (WARM_UP * steps)), 1 + math.cos(math.pi * step / steps)
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * warm_up * 0.5 * cosine
            log_probabilities = functional.log_softmax(self.log_likelihoods([descriptions[i] for i in picked]), -1)
            loss = -torch.logsumexp(log_probabilities.masked_fill(~allowed[picked], -math.inf), -1).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            mean = loss.item() if math.isnan(mean) else 0.95 * mean + 0.05 * loss.item()
            if step % 10 == 9 or step == steps - 1:
                report(f"{step + 1}/{steps} {time.monotonic() - started:.0f}s loss {mean:.3f}")

    def write(self, path: Path) -> None:
        """Write the LoRA matrices as a GGUF adapter, with the fingerprint of the model."""
        shape = {"heads": self.model.heads, "key_value_heads": self.model.kv_heads}
        write_adapter(self.model.lora(), path, alpha=ALPHA, **shape, base=self._base)
