"""Tune a language model as a judge of descriptions: resumable, and cached by everything that decides the adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.records import Words
from export.instruct.tuned import Tuned, TuneSettings
from export.progress import Report
from firmware_config.labels import Label

Allowed = str | tuple[str, ...]
"""The label that is right for a description, or those of which one is right: any label of a defect where only "defective" is known."""


def tune_judge(
    words: Sequence[Words],
    labels_of: Sequence[Allowed],
    *,
    validation_words: Sequence[Words],
    validation_labels: Sequence[Allowed],
    labels: Sequence[Label],
    gguf: Path,
    settings: TuneSettings,
    folder: Path,
    report: Report,
) -> Tuned:
    """Tune on `words`, and take the step that is best on validation. The same data and settings give the same adapter.

    `labels` are those that the judge may answer. `folder` keeps tunings, each below a name of its own; what was stopped goes on.

    Raises:
        TuneError: the examples do not hold good and defective ones, or a label that is right is none of `labels`.
        LlmError: the model cannot be tuned.
    """
    raise NotImplementedError
