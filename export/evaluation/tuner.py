"""Tuning of the language model for the protocols, as `kotoba-export tune` does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge.records import Words
from export.evaluation.models import Allowed
from export.instruct.tuned import TuneSettings
from export.instruct.tuning import tune_judge
from export.progress import Report
from firmware_config.labels import Label


class JudgeTuner:
    """Tunes the model at `gguf` and keeps adapters in `folder`. The seed of `settings` is replaced by that of each tuning."""

    def __init__(self, gguf: Path, settings: TuneSettings, *, folder: Path, report: Report) -> None:
        self._gguf = gguf
        self._settings = settings
        self._folder = folder
        self._report = report
        self.seconds = 0.0
        """What all adapters took that were asked for, also those that were kept."""

    def tune(
        self, words: Sequence[Words], allowed: Allowed, *, validation_words: Sequence[Words], validation_allowed: Allowed,
        labels: Sequence[Label], seed: int,
    ) -> Path:  # fmt: skip
        """The file of the adapter.

        Raises:
            ExportError: the model cannot be tuned on these.
        """
        tuned = tune_judge(
            words,
            allowed,
            validation_words=validation_words,
            validation_labels=validation_allowed,
            labels=labels,
            gguf=self._gguf,
            settings=replace(self._settings, seed=seed),
            folder=self._folder,
            report=self._report,
        )
        self.seconds += tuned.seconds
        return tuned.adapter
