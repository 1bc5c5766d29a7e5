from __future__ import annotations

from collections.abc import Sequence

from edge.records import Scores, Tag, Words
from export.studies import controls
from export.tuning.examples import Example
from tests.support.sample_records import scores, station


def words(*tags: str) -> Words:
    return Words(tuple(Tag(tag, 0.5) for tag in tags), (Tag("a cell", 0.5),), ())


class Counting:
    """A judge that counts how often it is asked."""

    labels: Sequence[str] = ("good", "crack")

    def __init__(self) -> None:
        self.asked: list[Words] = []

    def score(self, words: Words) -> Scores:
        self.asked.append(words)
        return scores(0.9, 0.07, 0.03) if words.tags[0].word == "intact cell" else scores(0.2, 0.7, 0.1)


def test_a_words_probe_learns_from_what_tuned_the_judge() -> None:
    line = station()
    good, bad = (next(label.name for label in line.labels if (label.decision == "ok") is ok) for ok in (True, False))
    examples = [Example(words("intact cell"), (good,), "a"), Example(words("crack", "stain"), (bad,), "b")] * 3

    found = controls.words_probe_taught_alike(controls.texts_of([words("stain"), words("intact cell")]), examples, line)

    assert found[0] > 0 > found[1]


def test_each_text_is_judged_once() -> None:
    judge = Counting()
    described = {3: words("intact cell"), 5: words("crack"), 8: words("intact cell")}

    found = controls._scored(judge, described)  # noqa: SLF001 -- otherwise seen only by its time

    assert len(judge.asked) == 2
    assert found[3] == found[8] != found[5]
