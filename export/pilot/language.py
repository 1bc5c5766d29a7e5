"""The language model of a bundle, as the protocols ask for it: untuned, with neutral label words, and the tuning of adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from edge.judges.template import read_template
from edge.records import Words
from export.chapters.box import Box
from export.evaluation.models import Allowed, Neutral, Tuner
from export.instruct.form import FormName, form_of
from export.instruct.judge import JudgeScorers
from export.instruct.neutral import neutral_labels
from export.instruct.tuned import TuneSettings
from export.progress import Report
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class Language:
    """A language model with one form of prompt. `tuner` is None where nothing is tuned."""

    judge: JudgeScorers
    neutral: Neutral
    tuner: Tuner | None


OpenLanguage: TypeAlias = Callable[[FormName], Language]


def language_of(box: Box, form: FormName, *, tuned: bool, work: Path, report: Report) -> Language:
    """The language model of the box's bundle; `work` keeps its scores and its adapters."""
    from export.instruct.judge import LanguageModelScorers

    gguf = box.bundle.root / box.bundle.manifest.llm.model
    labels, others = box.station.labels, neutral_labels(box.station.labels)
    template = read_template(box.bundle, box.station) if form == "box" else None

    def scorers(some: Sequence[Label]) -> JudgeScorers:
        prompt = form_of(form, some, template=template)
        return LanguageModelScorers(gguf, some, cache=work / "language", report=report, form=prompt, board=box.board)

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
        from export.instruct.tuning import tune_judge

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
