from __future__ import annotations

import numpy as np
import pytest

from edge.describers.filter.foils import Strictness
from edge.describers.filter.phrases import cut
from export.painting.ground_truth import Defect, GroundTruth
from export.starter.words import NOUNS, caption
from export.studies.words.filters import Heard, Said, absolute, counted, ours
from export.studies.words.phrase_truth import truth_of

CRACK = Defect("crack", "line", 0.2, 0.2, 0.3, 0.45)
CRACKED = GroundTruth("mono", clouds=False, uneven=False, defects=(CRACK,))
INTACT = GroundTruth("poly", clouds=True, uneven=False, defects=())


@pytest.mark.parametrize(
    ("claim", "true"),
    [
        ("crack", True), ("fracture line", True), ("clear crack", True), ("faint crack", False), ("long crack", False),
        ("dark area", False), ("damaged", True),
        ("crack in the upper left", True), ("crack in the lower right", False), ("fracture line across the whole cell", False),
        ("mono cell", True), ("poly cell with grain", False), ("no damage", False), ("damaged cell", True), ("soft dark edges", False),
        ("short fracture line", False), ("faint fracture line", False), ("several cracks", False),
    ],
)  # fmt: skip
def test_a_claim_about_a_cracked_cell(claim: str, *, true: bool | None) -> None:
    assert truth_of(claim, CRACKED) is true


@pytest.mark.parametrize(
    ("claim", "true"),
    [("intact surface", True), ("dislocation clouds", True), ("polycrystalline cell with grains", True), ("crack", False)],
)
def test_a_claim_about_an_intact_cell(claim: str, *, true: bool) -> None:
    assert truth_of(claim, INTACT) is true


def test_what_the_painter_says_is_hardly_ever_false() -> None:
    rng = np.random.default_rng(0)
    kinds = list(NOUNS)
    found = []
    for _ in range(600):
        kind, shape = kinds[int(rng.integers(len(kinds)))]
        x, y, size, strength = rng.random(4)
        truth = GroundTruth(
            "mono", clouds=False, uneven=False, defects=(Defect(kind, shape, float(x), float(y), float(size), float(strength)),)
        )
        found += [truth_of(phrase.claim, truth) for phrase in cut(caption(truth, rng))]
    assert found.count(False) / len(found) < 0.01


def test_a_phrase_whose_head_is_struck_counts_as_struck() -> None:
    crack = Said("caption", true=False, lead=-0.4, over_others=np.inf, cosine=0.1)
    long = Said("caption", true=True, lead=0.3, over_others=0.1, cosine=0.5, head=0)
    cell = Said("caption", true=True, lead=0.3, over_others=np.inf, cosine=0.5)
    heard = Heard((crack, long, cell), {"tags": 0, "attributes": 0})
    assert counted(heard, ours(Strictness.of(None)), ("caption",)).tolist() == [2, 3, 1, 1, 2]
    assert counted(heard, absolute(0.0), ("caption",)).tolist() == [2, 3, 2, 3, 2]
