"""How a judge is tuned, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from export.instruct.form import FormName
from export.instruct.published import SHOWN, Shown


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """Settings of one tuning.

    `steps` of `batch` examples at most, half of them good where `balanced`; `rate` is the peak learning rate. Of each example `copies`
    variants are learned in turn, in which a word is dropped with probability `word_dropout`, all words of a kind with `kind_dropout`; with
    both 0 there is one, as it is. Every `check_every` steps the loss on validation is measured; after `patience` checks without a better
    one it ends. `form`, `template` and `shown` are those of `export.instruct.form.form_of`: in the form "box" the labels compete with each
    other, as on a box; in the published form the loss is on all tokens of the answer.
    """

    seed: int = 0
    steps: int = 120
    batch: int = 8
    rate: float = 1e-3
    balanced: bool = True
    copies: int = 2
    word_dropout: float = 0.2
    kind_dropout: float = 0.3
    check_every: int = 20
    patience: int = 3
    form: FormName = "box"
    template: str | None = None
    shown: tuple[Shown, ...] = SHOWN


@dataclass(frozen=True, slots=True)
class Check:
    """A point of the curve: the mean training loss since the check before (None at the first), loss and AUROC of "not ok" on validation.

    Losses are in nats.
    """

    step: int
    training: float | None
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
