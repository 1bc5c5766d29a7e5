"""Compares the models of a bundle with those that they were made from, on the golden pictures and with the code that a box runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle
from edge.inspection.golden import read_golden_station
from edge.judges import open_language_model, open_station_judge
from edge.records import Description, Scores
from export.bundle.verify import edge_errors_translated, fault_error, inspected, unsigned
from export.progress import Report
from export.proof.figures import Measured, agreement, edit_distance, max_difference
from firmware_config.board import Board
from firmware_config.bundle import Manifest


def whole_chain(
    original: Path, made: Path, manifest: Manifest, pictures: Sequence[str], *, quantisation: str, board: Board, report: Report
) -> tuple[Measured, ...]:
    """Compare words, scores of the same words, and verdicts of two folders of one manifest, whose graphs and language models differ.

    `original` holds the models as they came, `made` those of the bundle. The figures of the judge are those of its GGUF; for its graph see
    `graph_for_gguf`.

    Raises:
        BuildError: a model cannot be loaded, or a picture gives a FAULT.
    """
    by_gguf = without_graph(manifest)
    before = _inspected(unsigned(original, by_gguf), pictures, board=board, report=report)
    after = _inspected(unsigned(made, manifest), pictures, board=board, report=report)
    words_before, words_after = ([description for description, _ in part] for part in (before, after))
    same_words = _judged(unsigned(made, by_gguf), words_before, board=board, report=report)
    verdicts_before, verdicts_after = (_probabilities(scores for _, scores in part) for part in (before, after))
    judged = _probabilities(same_words)
    return (
        Measured("words.tags", "overlap", "bundle", _mean(map(_tag_overlap, words_before, words_after))),
        Measured("words.captions", "edit_distance", "bundle", _mean(map(_caption_distance, words_before, words_after))),
        Measured("judge", "agreement", quantisation, agreement(verdicts_before, judged)),
        Measured("judge", "probability", quantisation, max_difference(verdicts_before, judged)),
        Measured("verdict", "agreement", "bundle", agreement(verdicts_before, verdicts_after)),
        Measured("verdict", "probability", "bundle", max_difference(verdicts_before, verdicts_after)),
    )


def graph_for_gguf(
    root: Path, manifest: Manifest, pictures: Sequence[str], *, precision: str, board: Board, report: Report
) -> tuple[Measured, ...]:
    """Compare the language model's graph with the GGUF that it was made from, on the same words.

    Raises:
        BuildError: a model cannot be loaded, or a picture gives a FAULT.
    """
    by_graph = _inspected(unsigned(root, manifest), pictures, board=board, report=report)
    by_gguf = _judged(unsigned(root, without_graph(manifest)), [words for words, _ in by_graph], board=board, report=report)
    gguf, graph = _probabilities(by_gguf), _probabilities(scores for _, scores in by_graph)
    return (
        Measured("judge.graph", "agreement", precision, agreement(gguf, graph)),
        Measured("judge.graph", "probability", precision, max_difference(gguf, graph)),
    )


def without_graph(manifest: Manifest) -> Manifest:
    """The manifest of a bundle whose GGUF judges."""
    return manifest.model_copy(update={"llm": manifest.llm.model_copy(update={"graph": None})})


def _inspected(bundle: Bundle, pictures: Sequence[str], *, board: Board, report: Report) -> list[tuple[Description, Scores]]:
    """Words and scores of the golden pictures."""
    results = []
    with edge_errors_translated(bundle):
        for picture, inspection in zip(pictures, inspected(bundle, pictures, board=board, report=report), strict=True):
            if inspection.description is None or inspection.scores is None:
                raise fault_error(picture, inspection)
            results.append((inspection.description, inspection.scores))
    return results


def _judged(bundle: Bundle, descriptions: Sequence[Description], *, board: Board, report: Report) -> list[Scores]:
    """Scores of descriptions by the golden station's judge."""
    scores = []
    with edge_errors_translated(bundle):
        report("loading the language model")
        judge = open_station_judge(open_language_model(bundle, board=board), bundle=bundle, station=read_golden_station(bundle))
        for number, description in enumerate(descriptions, 1):
            report(f"judging the words of golden pictures: {number} of {len(descriptions)}")
            scores.append(judge.score(description.words))
    return scores


def _probabilities(scores: Iterable[Scores]) -> NDArray[Any]:
    """The probabilities of the labels, float64 (pictures, labels)."""
    return np.array([judged.probabilities for judged in scores])


def _tag_overlap(before: Description, after: Description) -> float:
    """Share (0..1) of tags and attributes that both descriptions have."""
    a, b = ({tag.word for tag in (*description.words.tags, *description.words.attributes)} for description in (before, after))
    return len(a & b) / max(len(a), len(b), 1)


def _caption_distance(before: Description, after: Description) -> float:
    """Mean edit distance of the captions, in words, by the length of the longer."""
    pairs = zip_longest(before.words.captions, after.words.captions, fillvalue="")
    return _mean(edit_distance(a.split(), b.split()) for a, b in pairs)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / max(1, len(listed))
