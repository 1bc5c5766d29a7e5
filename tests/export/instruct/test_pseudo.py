"""A tuned judge labels pictures of the target, and is tuned afresh with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.records import Tag, Words
from export.instruct.lessons import Allowed
from export.instruct.pseudo import PseudoLabel, adaptation_rounds, pseudo_labels
from export.instruct.tuned import Tuned
from firmware_config.labels import Label

LABELS = (Label(name="good", decision="ok"), Label(name="crack", decision="ng"), Label(name="stain", decision="ng"))
SAID = np.log([[0.9, 0.06, 0.04], [0.7, 0.2, 0.1], [0.4, 0.32, 0.28], [0.02, 0.5, 0.48], [0.05, 0.05, 0.9]])


def test_as_published_every_picture_gets_its_likeliest_label() -> None:
    found = pseudo_labels(SAID, LABELS, temperature=1.0, confidence=None)

    assert [one.label for one in found] == ["good", "good", "good", "crack", "stain"]
    assert [one.row for one in found] == [0, 1, 2, 3, 4]
    assert np.allclose([one.probability for one in found], [0.9, 0.7, 0.4, 0.98, 0.95])


def test_with_a_confidence_as_many_good_as_defective_ones_are_labelled_the_surest_first() -> None:
    assert [one.row for one in pseudo_labels(SAID, LABELS, temperature=1.0, confidence=0.8)] == [0, 3]
    assert [(one.row, one.label) for one in pseudo_labels(SAID, LABELS, temperature=1.0, confidence=0.5)] == [
        (0, "good"), (1, "good"), (3, "crack"), (4, "stain"),
    ]  # fmt: skip
    assert pseudo_labels(SAID, LABELS, temperature=10.0, confidence=0.8) == [], "a higher temperature makes it less sure"


def test_each_round_learns_the_source_and_what_the_judge_before_it_said() -> None:
    learned: list[tuple[int, list[Allowed]]] = []

    def tune(words: Sequence[Words], right: Sequence[Allowed]) -> Tuned:
        learned.append((len(words), list(right)))
        return Tuned(Path(f"{len(learned)}"), (), 0, 0.0, 1.0, 1.0, "", "", len(words), 0.0)

    def rank(words: Sequence[Words], tuned: Tuned) -> np.ndarray:
        assert words is target
        return SAID if tuned.adapter == Path("1") else SAID[[4, 3, 2, 1, 0]]

    def word(name: str) -> Words:
        return Words((Tag(name, 0.0),), (), ())

    right: list[Allowed] = ["good", ("crack", "stain")]
    source = ([word("a"), word("b")], right)
    target = [word(str(number)) for number in range(5)]

    rounds = list(adaptation_rounds(source, target, LABELS, rounds=2, confidence=0.8, tune=tune, rank=rank))

    assert [(one.number, len(one.pseudo)) for one in rounds] == [(0, 0), (1, 2), (2, 2)]
    assert learned == [
        (2, ["good", ("crack", "stain")]),
        (4, ["good", ("crack", "stain"), "good", "crack"]),
        (4, ["good", ("crack", "stain"), "crack", "good"]),
    ]
    assert rounds[1].pseudo[0] == PseudoLabel(0, "good", rounds[1].pseudo[0].probability)


def test_where_the_judge_is_sure_of_nothing_no_round_follows() -> None:
    tuned = Tuned(Path(), (), 0, 0.0, 1.0, 1.0, "", "", 0, 0.0)

    rounds = list(
        adaptation_rounds(([], []), [], LABELS, rounds=3, confidence=0.99, tune=lambda *_: tuned, rank=lambda *_: SAID)
    )  # fmt: skip

    assert [one.number for one in rounds] == [0]
