"""The pilot's report: read the inspections of the labelled cells, measure, write a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.bundle.open import Bundle
from edge.records import Description
from edge.records import Scores as JudgeScores
from edge.spool.history import History, description_and_scores
from export.errors import ExportError
from export.starter.cells import HELD_OUT_MONO, SOURCE_VALIDATION, TRAINING, Cell, load_cells
from export.studies import controls
from export.studies.protocol import BLOCK, DRAWS, Flags, Quality, Scores, best_threshold, difference, quality
from export.tuning.examples import Example
from firmware_config.board import Board
from firmware_config.station import Station

VALIDATION = [row for part in SOURCE_VALIDATION for row in part]
OURS = "judge on words (the product)"
ALONE = "tunings of the recipe of which it is the mean, one by one"

HEAD = """# Results on real cells

Bundle {bundle} version {version}, `{digest}`, on the ELPV data set, cut by production run. Made by

```
{command}
```

from the lines of

```
kotoba-edge inspect PICTURES --station STATION --bundle BUNDLE --keys KEYS --jsonl JSONL
```

over the pictures of the package `elpv-dataset` (its folder `data/images`). Tunings and examples are what `python -m export.starter.train`
leaves in its folder. The digest is that of a bundle signed with the key of one machine: elsewhere the same weights have another.

- The starter learned from painted and rendered pictures and from two mono runs (rows 360 to 539 and 900 to 1613), less one module of each
  (420 to 479, 1404 to 1475), which chose thresholds, the temperature, the teachers of the vision models and the control's C; all of
  the two runs together chose how the judge is tuned.
- The cells below taught nothing, and no threshold was chosen on them. The poly cells showed where the tuning was weak, and two candidates
  were looked at on them before the judge was settled (decision 0007): their figures are a little too good for that.
- Defective is a labelled probability of at least 0.5; certain cells are those on which all who labelled them agreed.
- Score: probability of all labels that are not ok. Threshold: the one with the best macro-F1 on the choosing modules.
- Intervals: 95 %, bootstrap over blocks of {block} neighbouring cells, {draws:,} draws, paired for differences.
{tunings}- Random: {random}; figures of a row are means over them.
  The vision models were trained once; the spread over their trainings is not in these figures.
"""
TUNINGS = """- The product's adapter is the mean of {count} tunings, which differ in their seed alone; a row has them one by one.
  Where they were made again on another machine than the product's, they differ from those by what that one rounds otherwise.
"""


class PilotError(ExportError):
    """The study cannot be made from what was given; says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Study:
    """The labelled cells in data-set order, their words and what the judge made of them, and what each set is."""

    cells: tuple[Cell, ...]
    descriptions: tuple[Description, ...]
    scores: tuple[JudgeScores, ...]
    defective: Flags
    certain: Flags

    @property
    def sets(self) -> dict[str, list[int]]:
        """Rows of the two sets that are measured; nothing was learned on them."""
        return {
            "held-out mono runs": [row for part in HELD_OUT_MONO for row in part],
            "all poly cells": [cell.row for cell in self.cells if cell.material == "poly"],
        }


def read_study(jsonl: Path, bundle: Bundle, station: Station) -> Study:
    """Match the lines of `kotoba-edge inspect` with the labels by file name.

    Raises:
        PilotError: a cell has no line with probabilities, or a line is of another bundle or station file.
        HistoryError: the file cannot be read, or a line is no inspection.
    """
    lines, cells = History(jsonl, is_spool=False).select(station=station.station.name), load_cells()
    by_name = {Path(inspection.source).name: inspection for inspection in lines}
    missing = [cell.path.name for cell in cells if cell.path.name not in by_name or by_name[cell.path.name].scores is None]
    if missing:
        msg = (
            f"{len(missing)} of {len(cells)} cells have no line with probabilities in {jsonl}, the first is {missing[0]}: inspect all cells"
        )
        raise PilotError(msg)
    found = [by_name[cell.path.name] for cell in cells]
    for inspection in found:
        for what, theirs, ours in (
            ("models", inspection.models_digest, bundle.manifest.models_digest),
            ("station settings", inspection.settings_digest, station.settings_digest),
        ):
            if theirs != ours:
                msg = (
                    f"{inspection.source} in {jsonl} was inspected with {what} {theirs}, the study needs {what} {ours}: "
                    "inspect all cells again"
                )
                raise PilotError(msg)
    descriptions, scores = zip(*map(description_and_scores, found), strict=True)
    return Study(
        cells=cells,
        descriptions=descriptions,
        scores=scores,
        defective=np.array([cell.defective for cell in cells]),
        certain=np.array([cell.certain for cell in cells]),
    )


def judge_scores(study: Study, station: Station) -> Scores:
    """Probability of not-ok as the box gave it."""
    ok = np.array([label.decision == "ok" for label in station.labels])
    return 1 - np.array([scores.probabilities for scores in study.scores])[:, ok].sum(-1)


def all_scores(
    studies: Sequence[Study], adapters: Sequence[Path], examples: Sequence[Example], bundle: Bundle, board: Board, station: Station
) -> dict[str, list[Scores]]:
    """Every way of scoring by the name that it has in the report, one array for each seed of what is random in it."""
    first, teach = studies[0], [row for part in TRAINING for row in part]
    measured = [*VALIDATION, *(row for rows in first.sets.values() for row in rows)]
    words = {row: first.descriptions[row].words for row in measured}
    choose = {row: bool(first.defective[row]) for row in VALIDATION}
    ours = [judge_scores(study, station) for study in studies]
    alone = [_spread(controls.tuned_anew(adapter, bundle, board, station, words, choose), len(first.cells)) for adapter in adapters]
    features = controls.image_features(bundle, board, [cell.path for cell in first.cells])
    texts = [controls.texts_of(description.words for description in study.descriptions) for study in studies]
    alike = [controls.words_probe_taught_alike(text, examples, station) for text in texts] if examples else []
    found = {
        OURS: ours,
        ALONE: alone,
        "majority class": [controls.majority(len(first.cells))],
        "linear probe on our CLIP features": [controls.linear_probe(features, first.defective, teach)],
        "TF-IDF + logistic regression on the same words": [controls.words_probe(text, first.defective, teach) for text in texts],
        "the same, taught the pictures that tuned the judge": alike,
        "zero-shot: SmolLM2 ranked, no adapter": [_spread(controls.zero_shot(bundle, board, station, words), len(first.cells))],
        "descriptions shuffled between pictures": [controls.shuffled(ours[0], seed) for seed in controls.SHUFFLES],
    }
    return {way: seeds for way, seeds in found.items() if seeds}


def _spread(scores: Mapping[int, float], count: int) -> Scores:
    """Scores by row as an array over all cells; nan where there is none."""
    every = np.full(count, np.nan)
    every[list(scores)] = list(scores.values())
    return every


def measure(study: Study, seeds: Sequence[Scores], rows: Sequence[int]) -> Quality:
    """One way of scoring on one set, with the threshold of the source validation cells."""
    chosen, index = list(VALIDATION), list(rows)
    thresholds = [best_threshold(scores[chosen], study.defective[chosen]) for scores in seeds]
    return quality([scores[index] for scores in seeds], thresholds, study.defective[index], study.certain[index], rows)


def page(
    studies: Sequence[Study],
    bundle: Bundle,
    board: Board,
    station: Station,
    *,
    adapters: Sequence[Path] = (),
    examples: Sequence[Example] = (),
    command: str,
) -> str:
    """The report as Markdown.

    `adapters` are tunings of the recipe of which the judge's is the mean, which judge the words of the first study, each with a temperature
    of its own; `examples` are the pictures that tuned them, in the words of the describer.
    """
    study, scores = studies[0], all_scores(studies, adapters, examples, bundle, board, station)
    parts = [
        HEAD.format(
            bundle=bundle.manifest.name,
            version=bundle.manifest.bundle_version,
            digest=bundle.digest,
            command=command,
            block=BLOCK,
            draws=DRAWS,
            tunings=TUNINGS.format(count=len(adapters)) if adapters else "",
            random=_random(studies, station),
        )
    ]
    for name, rows in study.sets.items():
        bad = int(study.defective[rows].sum())
        parts.append(f"## {name[0].upper()}{name[1:]}: {len(rows)} cells, {bad} defective, {int(study.certain[rows].sum())} certain\n")
        columns = ("AUROC (95 % interval)", "seeds", "AUROC, certain", "macro-F1", "escape", "overkill", "judge less this (95 % interval)")
        parts.append(f"| scored by | {' | '.join(columns)} |")
        parts.append("|---|---|---|---|---|---|---|---|")
        for way, seeds in scores.items():
            q = measure(study, seeds, rows)
            spread = f"{len(seeds)}: {q.spread[0]:.3f} to {q.spread[1]:.3f}" if len(seeds) > 1 else "1"
            cells = [way, q.auroc, spread, f"{q.auroc_certain:.3f}", f"{q.macro_f1:.3f}", f"{q.escape:.1%}", f"{q.overkill:.1%}"]
            parts.append("| " + " | ".join(map(str, [*cells, _against(study, scores[OURS], seeds, rows) if way != OURS else ""])) + " |")
        parts.append("")
    return "\n".join(parts)


def _random(studies: Sequence[Study], station: Station) -> str:
    shuffling = f"{len(controls.SHUFFLES)} seeds of the shuffling"
    if station.describe.samples == 0:
        return f"{shuffling}; the captions are greedy, so that nothing is random when a picture is judged"
    return f"{len(studies)} seeds of the caption sampling, {shuffling}"


def _against(study: Study, ours: Sequence[Scores], theirs: Sequence[Scores], rows: Sequence[int]) -> str:
    index = list(rows)
    found = difference([s[index] for s in ours], [s[index] for s in theirs], study.defective[index], rows)
    verdict = "the judge is better" if found.low > 0 else "**the control is better**" if found.high < 0 else "no difference shown"
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}): {verdict}"
