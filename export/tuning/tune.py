"""Instruction tuning as rank classification: the adapter learns to make the right labels the likeliest continuation.

The objective is what the box computes, -log of the probability of the allowed labels after the softmax over label log-likelihoods. A
picture known only to be defective allows every defect. Rank 8, alpha 16, learning rate 1e-3 with 10 % warm-up as VLLaVO
(arXiv 2401.03253) has it; small batches, since words are few and each step costs what its tokens cost.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.judges.language_model import Vocabulary
from edge.judges.prompt import Prompt, description_text, label_text
from edge.records import Words
from export.models.llm.gguf_file import write_adapter
from export.tuning.examples import Example
from export.tuning.lora_llama import LoraLlama
from firmware_config.labels import Label

RANK, ALPHA = 8, 16.0
ADAPTED, LEARNING = ("q_proj", "v_proj", "o_proj", "down_proj"), 8
"""What learns: these matrices of the last so many layers."""
WARM_UP = 0.1
AT_ONCE = 24
"""Examples that the frozen layers read together."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How long and how fast: `epochs` are passes over the examples, `batch` is examples a step."""

    epochs: float = 1.0
    batch: int = 8
    learning_rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tails:
    """The labels' tokens. `inputs` (T,) are all tokens but each label's last, one label after the other."""

    tokens: tuple[tuple[int, ...], ...]

    @property
    def inputs(self) -> list[int]:
        """What the model is fed after a description."""
        return [token for tail in self.tokens for token in tail[:-1]]

    def log_likelihoods(self, log_probabilities: Tensor) -> Tensor:
        """(B, 1 + T, V) log-probabilities after the last shared token and after each of `inputs`, to (B, K)."""
        columns, row = [], 1
        for tail in self.tokens:
            rows = [0, *range(row, row + len(tail) - 1)]
            row += len(tail) - 1
            columns.append(log_probabilities[:, rows, list(tail)].sum(-1))
        return torch.stack(columns, -1)


def batch_of(shared: Sequence[Sequence[int]], tails: Tails, *, prefix_length: int) -> tuple[Tensor, Tensor, Tensor]:
    """`ids`, `positions` (B, L) and `visible` (B, L, L) of descriptions followed by all label tails."""
    length = max(map(len, shared)) + len(tails.inputs)
    ids, positions = torch.zeros(len(shared), length, dtype=torch.int64), torch.zeros(len(shared), length, dtype=torch.int64)
    visible = torch.eye(length, dtype=torch.bool).repeat(len(shared), 1, 1)
    for i, tokens in enumerate(shared):
        count = len(tokens)
        ids[i, : count + len(tails.inputs)] = torch.tensor([*tokens, *tails.inputs])
        positions[i, :count] = torch.arange(count) + prefix_length
        visible[i, :count, :count] = torch.ones(count, count, dtype=torch.bool).tril()
        at = count
        for tail in tails.tokens:
            own = len(tail) - 1
            positions[i, at : at + own] = torch.arange(own) + prefix_length + count
            visible[i, at : at + own, :count] = True
            visible[i, at : at + own, at : at + own] = torch.ones(own, own, dtype=torch.bool).tril()
            at += own
    return ids, positions, visible


class Student:
    """A language model that learns one station's labels under one template."""

    def __init__(self, model: Path, *, vocabulary: Vocabulary, template: str, labels: Sequence[Label]) -> None:
        self.model = LoraLlama(model, rank=RANK, alpha=ALPHA, adapted=ADAPTED, learning=LEARNING)
        self._vocabulary = vocabulary
        prompt = Prompt.parse(template, labels)
        self._prefix = torch.tensor(vocabulary.tokenize(prompt.prefix, special=True, begin=True))
        self._suffix = vocabulary.tokenize(prompt.suffix, special=True)
        self._tails = Tails(tuple(tuple(vocabulary.tokenize(label_text(label))) for label in labels))
        self._lower: dict[tuple[int, ...], Tensor] = {}
        self.labels = tuple(label.name for label in labels)

    def shared(self, words: Words) -> list[int]:
        """The tokens of a description, as the box makes them."""
        return self._vocabulary.tokenize(description_text(words)) + self._suffix

    def log_likelihoods(self, shared: Sequence[Sequence[int]]) -> Tensor:
        """Of each label after each description, float32 (B, K)."""
        prefix, read = self._read(shared)
        _, positions, visible = batch_of(shared, self._tails, prefix_length=len(self._prefix))
        rows = nn.utils.rnn.pad_sequence(read, batch_first=True)
        hidden = self.model.upper(prefix, rows, positions, visible)
        wanted = torch.stack([hidden[i, len(tokens) - 1 : len(tokens) + len(self._tails.inputs)] for i, tokens in enumerate(shared)])
        logits = functional.linear(wanted, self.model.head).float()
        return self._tails.log_likelihoods(functional.log_softmax(logits, -1))

    def _read(self, shared: Sequence[Sequence[int]]) -> tuple[Tensor, list[Tensor]]:
        """What the frozen layers make of the prefix, (P, H), and of each description with all label tails, (L, H); computed once each."""
        missing = sorted({tuple(tokens) for tokens in shared} - self._lower.keys(), key=lambda tokens: (len(tokens), tokens))
        for first in range(0, len(missing), AT_ONCE):
            some = missing[first : first + AT_ONCE]
            self._lower[()], rows = self.model.lower(self._prefix, *batch_of(some, self._tails, prefix_length=len(self._prefix)))
            for tokens, row in zip(some, rows, strict=True):
                self._lower[tokens] = row[: len(tokens) + len(self._tails.inputs)].clone()
        return self._lower[()], [self._lower[tuple(tokens)] for tokens in shared]

    def tune(self, examples: Sequence[Example], settings: Tuning, *, say: Callable[[str], None]) -> None:
        """Train the LoRA matrices, from the beginning, for at least one step; `examples` allow a label of the station each."""
        torch.manual_seed(settings.seed)
        self.model.restart()
        shared = [self.shared(example.words) for example in examples]
        allowed = torch.tensor([[label in example.allowed for label in self.labels] for example in examples])
        say(f"reading {len(examples)} examples")
        self._read(shared)
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
            for group in optimiser.param_groups:
                group["lr"] = (
                    settings.learning_rate * min(1.0, (step + 1) / (WARM_UP * steps)) * 0.5 * (1 + math.cos(math.pi * step / steps))
                )
            chances = functional.log_softmax(self.log_likelihoods([shared[i] for i in picked]), -1)
            right = torch.logsumexp(chances.masked_fill(~allowed[picked], -math.inf), -1)
            loss = -right.mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            mean = loss.item() if math.isnan(mean) else 0.95 * mean + 0.05 * loss.item()
            if step % 10 == 9 or step == steps - 1:
                say(f"{step + 1}/{steps} {time.monotonic() - started:.0f}s loss {mean:.3f}")

    def write(self, path: Path) -> None:
        """Write what was learned as a GGUF adapter."""
        write_adapter(self.model.lora(), path, alpha=ALPHA, heads=self.model.heads, key_value_heads=self.model.kv_heads)
