"""The language model of a bundle, as the protocols ask for it: untuned, with neutral label words, and the tuning of adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from edge.judges.template import read_template
from edge.records import Words
from export.chapters.box import Box
from export.evaluation.models import Allowed, Neutral, Tuner, neutral_labels
from export.instruct.judge import JudgeScorers, LanguageModelScorers
from export.instruct.tuned import Form, TuneSettings
from export.instruct.tuning import tune_judge
from export.progress import Report
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class Language:
    """A language model with one form of prompt. `tuner` is None where nothing is tuned."""

    judge: JudgeScorers
    neutral: Neutral
    tuner: Tuner | None


OpenLanguage: TypeAlias = Callable[[Form], Language]


def language_of(box: Box, form: Form, *, tuned: bool, work: Path, report: Report) -> Language:
    """The language model of the box's bundle; `work` keeps its scores and its adapters."""
    gguf = box.bundle.root / box.bundle.manifest.llm.model
    labels, others = box.station.labels, neutral_labels(box.station.labels)
    template = read_template(box.bundle, box.station) if form == "box" else None

    def scorers(some: Sequence[Label]) -> JudgeScorers:
        return LanguageModelScorers(gguf, some, cache=work / "language", report=report, form=form, template=template)

    settings = TuneSettings(form=form, template=template)
    tuner = _Tunings(gguf, settings, work / "tunings", report) if tuned else None
    return Language(scorers(labels), Neutral(others, scorers(others)), tuner)


@dataclass(frozen=True, slots=True)
class _Tunings:
    """Tunes by `tune_judge`, which keeps what it has tuned."""

    gguf: Path
    settings: TuneSettings
    folder: Path
    report: Report

    def tune(
        self, words: Sequence[Words], allowed: Allowed, *, validation_words: Sequence[Words], validation_allowed: Allowed,
        labels: Sequence[Label], seed: int,
    ) -> Path:  # fmt: skip
        """See `export.evaluation.models.Tuner`."""
        return tune_judge(
            words,
            allowed,
            validation_words=validation_words,
            validation_labels=validation_allowed,
            labels=labels,
            gguf=self.gguf,
            settings=replace(self.settings, seed=seed),
            folder=self.folder,
            report=self.report,
        ).adapter
