"""How a judge is tuned, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Form: TypeAlias = Literal["box", "published"]
"""box: the instruction of a station, and a loss over its labels; published: that of the paper, and a loss on the tokens of the answer."""

INSTRUCTION = "Judge the part by these words. Answers:\n{labels}\n{description}Answer:\n"
"""The instruction of the form "box" where none is given."""


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """Settings of one tuning.

    `steps` of `batch` examples at most, half of them good where `balanced`; `rate` is the peak learning rate. Of each example `copies`
    variants are learned in turn, in which a word is dropped with probability `word_dropout`, all words of a kind with `kind_dropout`; with
    both 0 there is one, as it is. Every `check_every` steps the loss on validation is measured; after `patience` checks without a better
    one it ends. `template` is the instruction of the form "box" (text with slots), None: INSTRUCTION.
    """

    seed: int = 0
    steps: int = 150
    batch: int = 8
    rate: float = 1e-3
    balanced: bool = True
    copies: int = 2
    word_dropout: float = 0.2
    kind_dropout: float = 0.3
    check_every: int = 15
    patience: int = 4
    form: Form = "box"
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A point of the curve: the mean training loss since the last check, the loss on validation in nats, the AUROC of "not ok" there."""

    step: int
    training: float
    validation: float
    auroc: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """A tuned judge: its LoRA as GGUF, the curve, the step that it is from, and the figures of this step on validation.

    `temperature` divides the log-likelihoods of labels before the softmax, fitted on validation. `fingerprint` is that of the model
    (`export.models.llm.gguf_weights`), `digest` (`sha256:`) that of everything that decides the adapter. `seconds` were taken in all, for
    `examples`.
    """

    adapter: Path
    curve: tuple[Check, ...]
    best_step: int
    validation_loss: float
    validation_auroc: float
    temperature: float
    fingerprint: str
    digest: str
    examples: int
    seconds: float
