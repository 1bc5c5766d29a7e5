"""The page of results: the AUROC, escape and overkill of the judge and of the controls on the labelled cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge.bundle.open import Bundle
from export.starter.cells import SOURCE_VALIDATION, TRAINING
from export.studies import controls
from export.studies.inspected_cells import InspectedCells
from export.studies.protocol import BLOCK_CELLS, RESAMPLES, Quality, Scores, best_threshold, difference, quality
from export.studies.template import fill, row, table, wrapped
from export.tuning.examples import Example
from firmware_config.board import Board
from firmware_config.station import Station

VALIDATION = [row for part in SOURCE_VALIDATION for row in part]
JUDGE = "judge on words (the product)"
TUNINGS = "the tunings of which the judge's adapter is the mean, one by one"
NOT_CONTROLS = (JUDGE, TUNINGS, "majority class")

HEADS = (
    "scorer", "AUROC (95 % interval)", "seeds", "AUROC, certain", "macro-F1", "escape", "overkill", "judge minus this (95 % interval)",
)  # fmt: skip
TUNINGS_TEXT = """- Tunings: the judge's adapter is the mean of {count} tunings that differ only in their seed. A row shows them one by one.
  If they were repeated on another machine than the product's, they differ by the rounding of that machine.
"""

SeededScores = Mapping[str, Sequence[Scores]]
"""By name of the scorer: scores of all cells, float64 (N,), one array for each seed of what is random in it."""


def page(
    inspected: Sequence[InspectedCells],
    bundle: Bundle,
    board: Board,
    station: Station,
    *,
    adapters: Sequence[Path] = (),
    examples: Sequence[Example] = (),
    command: str,
) -> str:
    """Measure and return the page as Markdown.

    `inspected` has one entry for each seed of the caption sampling. `adapters` are the tunings of which the judge's adapter is the mean;
    they judge the words of the first entry, each with its own temperature. `examples` tuned the judge; one more control is fitted on them.
    """
    first, scores = inspected[0], all_scores(inspected, adapters, examples, bundle, board, station)
    measured = {name: {scorer: measure(first, seeds, rows) for scorer, seeds in scores.items()} for name, rows in first.sets.items()}
    return fill(
        Path(__file__).with_name("results.md"),
        answer=wrapped(_answer(measured)),
        bundle=bundle.manifest.name,
        version=bundle.manifest.bundle_version,
        digest=bundle.digest,
        command=command,
        block=BLOCK_CELLS,
        resamples=f"{RESAMPLES:,}",
        tunings=TUNINGS_TEXT.format(count=len(adapters)) if adapters else "",
        random=_random(inspected, station),
        tables="\n\n".join(_section(first, scores, measured[name], name) for name in first.sets),
    )


def all_scores(
    inspected: Sequence[InspectedCells],
    adapters: Sequence[Path],
    examples: Sequence[Example],
    bundle: Bundle,
    board: Board,
    station: Station,
) -> SeededScores:
    """Scores of the judge and of every control; a scorer that needs `adapters` or `examples` is left out without them."""
    first, train_rows = inspected[0], [row for part in TRAINING for row in part]
    count = len(first.cells)
    measured = [*VALIDATION, *(row for rows in first.sets.values() for row in rows)]
    words = {row: first.descriptions[row].words for row in measured}
    validation = {row: bool(first.defective[row]) for row in VALIDATION}
    judge = [cells.not_ok_probabilities(station) for cells in inspected]
    tunings = [_all_rows(controls.other_tuning(adapter, bundle, board, station, words, validation), count) for adapter in adapters]
    features = controls.image_features(bundle, board, [cell.path for cell in first.cells])
    texts = [controls.texts_of(description.words for description in cells.descriptions) for cells in inspected]
    on_examples = [controls.words_probe_on_examples(text, examples, station) for text in texts] if examples else []
    scores = {
        JUDGE: judge,
        TUNINGS: tunings,
        "majority class": [controls.majority(count)],
        "linear probe on the bundle's CLIP features": [controls.linear_probe(features, first.defective, train_rows)],
        "TF-IDF + logistic regression on the same words, fitted on the training cells": [
            controls.words_probe(text, first.defective, train_rows) for text in texts
        ],
        "TF-IDF + logistic regression, fitted on the examples that tuned the judge": on_examples,
        "zero-shot: SmolLM2 without an adapter": [_all_rows(controls.zero_shot(bundle, board, station, words), count)],
        "descriptions shuffled between pictures": [controls.shuffled(judge[0], seed) for seed in controls.SHUFFLES],
    }
    return {scorer: seeds for scorer, seeds in scores.items() if seeds}


def _all_rows(scores: Mapping[int, float], count: int) -> Scores:
    """Scores by row as an array of all cells, float64 (count,), nan for a row without a score."""
    array = np.full(count, np.nan)
    array[list(scores)] = list(scores.values())
    return array


def measure(inspected: InspectedCells, seeds: Sequence[Scores], rows: Sequence[int]) -> Quality:
    """Measure the scores of one scorer on one set, with the threshold of the source validation cells."""
    index, defective = list(rows), inspected.defective
    thresholds = [best_threshold(scores[VALIDATION], defective[VALIDATION]) for scores in seeds]
    return quality([scores[index] for scores in seeds], thresholds, defective[index], inspected.certain[index], rows)


def _answer(measured: Mapping[str, Mapping[str, Quality]]) -> str:
    """One sentence for each set: the AUROC of the judge and of the best control."""
    sentences = []
    for name, by_scorer in measured.items():
        best = max((scorer for scorer in by_scorer if scorer not in NOT_CONTROLS), key=lambda scorer: by_scorer[scorer].auroc.value)
        sentences.append(
            f"On {name} the judge has an AUROC of {by_scorer[JUDGE].auroc.value:.3f}, the best control ({best}) "
            f"{by_scorer[best].auroc.value:.3f}."
        )
    return " ".join(sentences)


def _section(inspected: InspectedCells, scores: SeededScores, by_scorer: Mapping[str, Quality], name: str) -> str:
    """The heading and table of one set."""
    rows = inspected.sets[name]
    lines = []
    for scorer, seeds in scores.items():
        q = by_scorer[scorer]
        spread = f"{len(seeds)}: {q.spread[0]:.3f} to {q.spread[1]:.3f}" if len(seeds) > 1 else "1"
        against = "" if scorer == JUDGE else _difference(inspected, scores[JUDGE], seeds, rows)
        figures = (f"{q.auroc_certain:.3f}", f"{q.macro_f1:.3f}", f"{q.escape:.1%}", f"{q.overkill:.1%}")
        lines.append(row(scorer, q.auroc, spread, *figures, against))
    counts = f"{len(rows)} cells, {int(inspected.defective[rows].sum())} defective, {int(inspected.certain[rows].sum())} certain"
    return f"## {name[0].upper()}{name[1:]}: {counts}\n\n{table(HEADS, lines)}"


def _difference(inspected: InspectedCells, judge: Sequence[Scores], baseline: Sequence[Scores], rows: Sequence[int]) -> str:
    index = list(rows)
    less = difference([s[index] for s in judge], [s[index] for s in baseline], inspected.defective[index], rows)
    verdict = "the judge is better" if less.low > 0 else "**the control is better**" if less.high < 0 else "no difference shown"
    return f"{less.value:+.3f} ({less.low:+.3f} to {less.high:+.3f}): {verdict}"


def _random(inspected: Sequence[InspectedCells], station: Station) -> str:
    shuffling = f"{len(controls.SHUFFLES)} seeds of the shuffling"
    if station.describe.samples == 0:
        return f"{shuffling}; captions are greedy, so nothing is random when a picture is judged"
    return f"{len(inspected)} seeds of the caption sampling, {shuffling}"
