from __future__ import annotations

import numpy as np
import pytest

from edge.describers.filter.foils import Strictness
from edge.describers.filter.phrases import cut
from export.painting.ground_truth import GroundTruth
from export.painting.scene import Defect
from export.starter.words import NOUNS, caption
from export.studies.words.checked_words import CheckedPicture, CheckedWord, cosine_filter, count_words, quality_filter
from export.studies.words.phrase_truth import phrase_truth

CRACK = Defect("crack", "line", 0.2, 0.2, 0.3, 0.45)
CRACKED = GroundTruth("mono", clouds=False, uneven=False, defects=(CRACK,))
INTACT = GroundTruth("poly", clouds=True, uneven=False, defects=())


@pytest.mark.parametrize(
    ("phrase", "true"),
    [
        ("crack", True), ("fracture line", True), ("clear crack", True), ("faint crack", False), ("long crack", False),
        ("dark area", False), ("damaged", True),
        ("crack in the upper left", True), ("crack in the lower right", False), ("fracture line across the whole cell", False),
        ("mono cell", True), ("poly cell with grain", False), ("no damage", False), ("damaged cell", True), ("soft dark edges", False),
        ("short fracture line", False), ("faint fracture line", False), ("several cracks", False),
    ],
)  # fmt: skip
def test_a_phrase_about_a_cracked_cell_is_true_or_false(phrase: str, *, true: bool | None) -> None:
    assert phrase_truth(phrase, CRACKED) is true


@pytest.mark.parametrize(
    ("phrase", "true"),
    [("intact surface", True), ("dislocation clouds", True), ("polycrystalline cell with grains", True), ("crack", False)],
)
def test_a_phrase_about_an_intact_cell_is_true_or_false(phrase: str, *, true: bool) -> None:
    assert phrase_truth(phrase, INTACT) is true


def test_captions_of_the_ground_truth_are_hardly_ever_false() -> None:
    rng = np.random.default_rng(0)
    kinds = list(NOUNS)
    truths = []
    for _ in range(600):
        kind, shape = kinds[int(rng.integers(len(kinds)))]
        x, y, size, strength = rng.random(4)
        picture = GroundTruth(
            "mono", clouds=False, uneven=False, defects=(Defect(kind, shape, float(x), float(y), float(size), float(strength)),)
        )
        truths += [phrase_truth(phrase.claim, picture) for phrase in cut(caption(picture, rng))]
    assert truths.count(False) / len(truths) < 0.01


def test_a_phrase_whose_head_is_struck_counts_as_struck() -> None:
    crack = CheckedWord("caption", true=False, lead=-0.4, lead_over_exchanged=np.inf, cosine=0.1)
    long = CheckedWord("caption", true=True, lead=0.3, lead_over_exchanged=0.1, cosine=0.5, head=0)
    cell = CheckedWord("caption", true=True, lead=0.3, lead_over_exchanged=np.inf, cosine=0.5)
    picture = CheckedPicture((crack, long, cell), {"tags": 0, "attributes": 0})
    assert count_words(picture, quality_filter(Strictness.of(None)), ("caption",)).tolist() == [2, 3, 1, 1, 2]
    assert count_words(picture, cosine_filter(0.0), ("caption",)).tolist() == [2, 3, 2, 3, 2]
