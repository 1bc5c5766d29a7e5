from __future__ import annotations

from collections.abc import Sequence

from edge.records import Scores, Tag, Words
from export.studies import controls
from export.tuning.examples import Example
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


def test_a_words_probe_is_fitted_on_the_examples_that_tuned_the_judge() -> None:
    labels = station().labels
    good, bad = (next(label.name for label in labels if (label.decision == "ok") is ok) for ok in (True, False))
    examples = [Example(words("intact cell"), (good,), "a"), Example(words("crack", "stain"), (bad,), "b")] * 3

    log_odds = controls.words_probe_on_examples(controls.texts_of([words("stain"), words("intact cell")]), examples, station())

    assert log_odds[0] > 0 > log_odds[1]


def test_cells_with_the_same_words_are_judged_once() -> None:
    judge = RecordingJudge()
    by_row = {3: words("intact cell"), 5: words("crack"), 8: words("intact cell")}

    scored = controls._scored(judge, by_row)  # noqa: SLF001 -- from outside only its time can be measured

    assert len(judge.scored) == 2
    assert scored[3] == scored[8] != scored[5]
