"""`kotoba-export tune`: a judge tuned on a text data set, with its record, curve and adapter in one folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.records import Words
from export.errors import BuildError
from export.instruct.chart import curve_png
from export.instruct.lessons import Allowed
from export.instruct.pseudo import Round, adaptation_rounds
from export.instruct.sides import Sides, right_for, sides_of
from export.instruct.tuned import Tuned, TuneSettings
from export.instruct.tuning import ADAPTER, CURVE, RECORD, curve_csv, rank_tuned, tune_judge
from export.progress import Report
from export.texts.dataset import TextDataset
from export.texts.row import Row
from firmware_config.labels import Label
from firmware_config.write import write_atomic

SCHEMA = "kotoba.tuned/1"
CHART, WORK = "curve.png", "work"


@dataclass(frozen=True, slots=True)
class Course:
    """What of a data set teaches what: the model and its labels, the settings, the domains of the target.

    `good` are labels of the data set that mean a good part, see `right_for`. `share` of each label is for validation. `rounds` of
    pseudo-labels with `confidence` (None: all), see `pseudo_labels`.
    """

    model: Path
    labels: tuple[Label, ...]
    settings: TuneSettings
    good: tuple[str, ...] = ()
    adapt_to: tuple[str, ...] = ()
    rounds: int = 1
    confidence: float | None = 0.8
    share: float = 0.2


@dataclass(frozen=True, slots=True)
class TunedFolder:
    """What was written: the last round, and every round before it."""

    adapter: Path
    sides: Sides
    rounds: tuple[Round, ...]

    @property
    def tuned(self) -> Tuned:
        """That of the last round."""
        return self.rounds[-1].tuned


def tune_dataset(dataset: TextDataset, course: Course, out: Path, *, report: Report) -> TunedFolder:
    """Tune on a text data set, and write adapter.gguf, curve.csv, curve.png and tuned.json into `out`; what was stopped goes on.

    Raises:
        TuneError: the data set cannot teach a judge, see `sides_of`, `right_for` and `tune_judge`.
        SpecError, LlmError: the model cannot be tuned.
        BuildError: `out` cannot be written.
    """
    sides = sides_of(dataset.rows(), adapt_to=course.adapt_to, share=course.share, seed=course.settings.seed)
    right, checked = (_right(rows, course) for rows in (sides.source, sides.validation))
    validation = [row.words for row in sides.validation]

    def tune(words: Sequence[Words], labels_of: Sequence[Allowed]) -> Tuned:
        return tune_judge(
            words, labels_of, validation_words=validation, validation_labels=checked, labels=course.labels, gguf=course.model,
            settings=course.settings, folder=out / WORK, report=report,
        )  # fmt: skip

    def rank(words: Sequence[Words], tuned: Tuned) -> NDArray[np.float64]:
        return rank_tuned(
            words, tuned, labels=course.labels, gguf=course.model, settings=course.settings, folder=out / WORK, report=report
        )  # fmt: skip

    source, target = ([row.words for row in rows] for rows in (sides.source, sides.target))
    rounds = course.rounds if course.adapt_to else 0
    try:
        made = list(
            adaptation_rounds((source, right), target, course.labels, rounds=rounds, confidence=course.confidence, tune=tune, rank=rank)
        )
        return _write(dataset, course, sides, made, out)
    except OSError as err:
        msg = f"the tuning cannot be written into {out} ({err.strerror}): make room, or give another folder as --out"
        raise BuildError(msg) from err


def _right(rows: Sequence[Row], course: Course) -> list[tuple[str, ...]]:
    return [right_for(row, course.labels, good=course.good) for row in rows]


def _write(dataset: TextDataset, course: Course, sides: Sides, rounds: Sequence[Round], out: Path) -> TunedFolder:
    last = rounds[-1].tuned
    write_atomic(out / CURVE, curve_csv(last.curve))
    write_atomic(out / CHART, curve_png(last))
    write_atomic(out / ADAPTER, last.adapter.read_bytes())
    record = {
        "schema": SCHEMA,
        "dataset": dataset.about.sources,
        "words": dataset.about.digests.model_dump(),
        "labels": [label.name for label in course.labels],
        "settings": asdict(course.settings),
        "source": _counted(sides.source),
        "validation": _counted(sides.validation),
        "target": dict(Counter(row.domain for row in sides.target)),
        "rounds": [_round(one) for one in rounds],
    }
    write_atomic(out / RECORD, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return TunedFolder(out / ADAPTER, sides, tuple(rounds))


def _counted(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Rows by domain and label."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        of_domain = found.setdefault(row.domain, {})
        of_domain[str(row.label)] = of_domain.get(str(row.label), 0) + 1
    return found


def _round(one: Round) -> dict[str, object]:
    values = asdict(one.tuned)
    values["adapter"] = f"{WORK}/{one.tuned.adapter.parent.name}/{ADAPTER}"
    return {"number": one.number, "pseudo_labels": dict(Counter(label.label for label in one.pseudo)), **values}
