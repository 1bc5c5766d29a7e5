from __future__ import annotations

import numpy as np
import pytest

from edge.describers.filter.foils import Strictness
from edge.describers.filter.phrases import cut
from edge.describers.filter.terms import Terms
from export.painting.scene import Defect, Scene
from export.products.product import built_in_products, read_product
from export.products.wording import wording_of
from export.studies.errors import StudyError
from export.studies.words.checked_words import CheckedPicture, CheckedWord, cosine_filter, count_words, quality_filter, require_words
from export.studies.words.measure import STATION
from export.studies.words.phrase_truth import PhraseTruth
from firmware_config.station import read_station
from tests.export.products.test_wording import drawn_scene
from tests.support.tiny_bundle import is_one_sentence

SEEDS = range(200)
CELL = wording_of(read_product("solar_cell"))
CRACKED = Scene((Defect("crack", "line", 0.2, 0.2, 0.3, 0.5),))
INTACT = Scene(harmless=("grain", "dislocation cloud"))


@pytest.mark.parametrize(
    ("phrase", "true"),
    [
        ("crack", True), ("fracture line", True), ("clear crack", True), ("faint crack", False), ("strong crack", None),
        ("large crack", False), ("dark area", False), ("damaged", True), ("inactive region", False), ("branched crack", False),
        ("more cracks", False),
        ("crack in the upper left", True), ("crack in the lower right", False), ("crack on the left side", True),
        ("fracture line across the whole cell", False), ("faint crack in the upper left", False),
        ("cell", True), ("cell with grain", False), ("no damage", False), ("damaged cell", True), ("soft dark edges", False),
    ],
)  # fmt: skip
def test_a_phrase_about_a_cracked_cell_is_true_false_or_doubtful(phrase: str, *, true: bool | None) -> None:
    assert PhraseTruth(CELL).of(phrase, CRACKED) is true


@pytest.mark.parametrize(
    ("phrase", "true"),
    [("intact surface", True), ("dislocation clouds", True), ("cell with grain", True), ("no damage to be seen", True), ("crack", False)],
)
def test_a_phrase_about_an_intact_cell_is_true_or_false(phrase: str, *, true: bool) -> None:
    assert PhraseTruth(CELL).of(phrase, INTACT) is true


@pytest.mark.parametrize("name", built_in_products())
def test_every_phrase_of_a_caption_of_a_scene_is_true_of_it(name: str) -> None:
    wording = wording_of(read_product(name))
    truth = PhraseTruth(wording)
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        scene = drawn_scene(wording, rng)
        caption = wording.caption(scene, rng)
        untrue = [phrase.claim for phrase in cut(caption, compounds=truth.compounds) if truth.of(phrase.claim, scene) is not True]
        assert untrue == [], (caption, scene)


def test_the_terms_of_the_study_replace_wordings_of_captions_by_words_that_are_not_false() -> None:
    terms, truth = read_station(STATION).describe.terms, PhraseTruth(CELL)
    assert {term.name for term in terms} <= set(CELL.words)
    names, replaced = Terms.known_to(CELL.words, terms), 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        scene = drawn_scene(CELL, rng)
        caption = CELL.caption(scene, rng)
        replaced += names.applied(caption) != caption
        phrases = cut(names.applied(caption), compounds=truth.compounds)
        assert [phrase.claim for phrase in phrases if truth.of(phrase.claim, scene) is False] == [], (caption, scene)
    assert replaced > len(SEEDS) / 2


def test_a_word_whose_truth_nobody_can_tell_is_refused() -> None:
    require_words(CELL.words, CELL)
    with pytest.raises(StudyError, match="the bundle says 'rust', and the product solar_cell has no such word") as caught:
        require_words(("crack", "rust"), CELL)
    assert is_one_sentence(str(caught.value))


def test_a_phrase_whose_head_is_struck_counts_as_struck() -> None:
    crack = CheckedWord("caption", true=False, lead=-0.4, lead_over_exchanged=np.inf, cosine=0.1)
    long = CheckedWord("caption", true=True, lead=0.3, lead_over_exchanged=0.1, cosine=0.5, head=0)
    cell = CheckedWord("caption", true=True, lead=0.3, lead_over_exchanged=np.inf, cosine=0.5)
    picture = CheckedPicture((crack, long, cell), {"tags": 0, "attributes": 0})
    assert count_words(picture, quality_filter(Strictness.of(None)), ("caption",)).tolist() == [2, 3, 1, 1, 2]
    assert count_words(picture, cosine_filter(0.0), ("caption",)).tolist() == [2, 3, 2, 3, 2]
