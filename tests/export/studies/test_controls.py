from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.calibration.scales import log_odds_not_ok
from edge.judges.linear.judge import LinearJudge
from edge.records import Scores, Tag, Words
from export.studies import controls
from export.tuning.examples import Example, only
from export.tuning.linear import fit_linear
from tests.support.sample_records import scores, station


def words(*tags: str) -> Words:
    return Words(tuple(Tag(tag, 0.5) for tag in tags), (Tag("a cell", 0.5),), ())


class RecordingJudge:
    """A judge that records the words that it scores."""

    labels: Sequence[str] = ("good", "crack")

    def __init__(self) -> None:
        self.scored: list[Words] = []

    def score(self, words: Words) -> Scores:
        self.scored.append(words)
        return scores(0.9, 0.07, 0.03) if words.tags[0].word == "intact cell" else scores(0.2, 0.7, 0.1)


LABELS = station().labels
GOOD, BAD = (next(label.name for label in LABELS if (label.decision == "ok") is ok) for ok in (True, False))


def test_a_linear_judge_that_is_fitted_again_says_what_the_one_of_a_bundle_says() -> None:
    others = [label.name for label in LABELS if label.name not in {GOOD, BAD}]
    examples = [Example(words("intact cell"), (GOOD,), "a"), Example(words("crack", "stain"), (BAD,), "b")] * 3
    examples += [Example(words(name), (name,), name) for name in others]
    asked = [words("stain"), words("intact cell"), words("crack")]

    log_odds = controls.refitted_linear(examples, examples, LABELS, asked)

    judge = LinearJudge(fit_linear(examples, examples, LABELS).model, labels=[label.name for label in LABELS], temperature=None)
    ok = np.array([label.decision == "ok" for label in LABELS])
    assert log_odds[1] < min(log_odds[0], log_odds[2])
    np.testing.assert_allclose(log_odds, log_odds_not_ok(np.array([judge.score(one).log_likelihoods for one in asked]), ok), atol=1e-6)


def test_a_linear_judge_of_some_kinds_of_words_judges_a_picture_that_has_none() -> None:
    examples = [Example(words("intact cell"), (GOOD,), "a"), *(Example(words(label.name), (label.name,), "b") for label in LABELS)]
    none = only(words("crack"), ("measured",))
    assert none == Words((), (), ())
    assert np.isfinite(controls.refitted_linear(examples, examples, LABELS, [none])).all()


def test_shuffling_exchanges_the_scores_of_judged_cells_alone() -> None:
    scores = np.array([np.nan, 1.0, 2.0, 3.0, np.nan, 4.0, 5.0])
    exchanged = controls.shuffled(scores, 0)
    assert np.isnan(exchanged).tolist() == np.isnan(scores).tolist()
    assert sorted(exchanged[1:4].tolist() + exchanged[5:].tolist()) == [1, 2, 3, 4, 5]
    assert not np.array_equal(exchanged, scores, equal_nan=True)


def test_a_darker_cell_scores_higher(tmp_path: Path) -> None:
    for level in (40, 200):
        assert cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((8, 8), level, np.uint8))
    assert controls.darkness([tmp_path / "40.png", tmp_path / "200.png"]).tolist() == [-40, -200]


def test_cells_with_the_same_words_are_judged_once() -> None:
    judge = RecordingJudge()

    first, other, second = controls.scored(judge, [words("intact cell"), words("crack"), words("intact cell")])

    assert len(judge.scored) == 2
    assert first == second != other
