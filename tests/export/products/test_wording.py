from __future__ import annotations

import numpy as np
import pytest

from export.painting.scene import Defect, Scene
from export.products.product import built_in_products, read_product
from export.products.wording import EVIDENCE, Wording, wording_of

SEEDS = range(200)
CRACK = Defect("crack", "line", 0.2, 0.2, 0.3, 0.5)


def wording(name: str = "solar_cell") -> Wording:
    return wording_of(read_product(name))


def truths(scene: Scene, name: str = "solar_cell") -> dict[str, int]:
    found = wording(name)
    return dict(zip(found.words, found.truths(scene).tolist(), strict=True))


def crack(*, shape: str = "line", x: float = 0.2, y: float = 0.2, size: float = 0.3, strength: float = 0.5) -> Scene:
    return Scene((Defect("crack", shape, x, y, size, strength),))


LIMITS = {
    "clear crack": [(crack(strength=0.18), 0), (crack(strength=0.19), -1), (crack(strength=0.35), 1)],
    "hairline crack": [(crack(strength=0.18), 1), (crack(strength=0.34), -1), (crack(strength=0.35), 0)],
    "a faint mark": [(crack(strength=0.18), 1), (crack(strength=0.3), -1), (crack(strength=0.35), 0)],
    "long crack": [(crack(size=0.35), 0), (crack(size=0.4), -1), (crack(size=0.5), 1)],
    "a small mark": [(crack(size=0.15), 1), (crack(size=0.2), -1), (crack(size=0.25), 0)],
    "a mark in the upper left": [(crack(x=0.42, y=0.42), 1), (crack(x=0.5, y=0.2), -1), (crack(x=0.56, y=0.2), 0), (crack(size=0.7), -1)],
    "a mark in the lower right": [(crack(x=0.59, y=0.59), 1), (crack(), 0)],
    "a mark in the centre": [(crack(x=0.36, y=0.6), 1), (crack(x=0.3, y=0.5), -1), (crack(x=0.27, y=0.5), 0)],
    "crossed cracks": [(crack(shape="crossed"), 1), (crack(shape="branched"), 0)],
    "several cracks": [(Scene((CRACK, CRACK)), 1), (Scene((CRACK,)), 0)],
    "a single mark": [(Scene((CRACK,)), 1), (Scene((CRACK, CRACK)), 0), (Scene(), 0)],
    "no marks": [(Scene(), 1), (Scene((CRACK,)), 0)],
    "poly cell": [(Scene(harmless=("grain",)), 1), (Scene(harmless=("soft cloud",)), 0)],
    "mono cell": [(Scene(harmless=("grain",)), 0), (Scene((CRACK,)), 1)],
    "an even surface": [(Scene(), 1), (Scene(harmless=("uneven light",)), 0), (Scene((CRACK,)), 0)],
    "soft cloud": [(Scene(harmless=("soft cloud",)), 1), (Scene(), 0)],
}


@pytest.mark.parametrize("word", LIMITS)
def test_a_word_is_true_false_or_doubtful_at_its_limits(word: str) -> None:
    found = [(scene, truths(scene)[word]) for scene, _ in LIMITS[word]]
    assert found == LIMITS[word]


def test_a_word_about_defects_is_true_if_one_of_them_fits_and_false_if_a_defect_of_another_kind_does() -> None:
    faint_crack, strong_stain = Defect("crack", "line", 0.2, 0.2, 0.3, 0.1), Defect("stain", "spot", 0.8, 0.8, 0.3, 0.9)
    assert truths(Scene((faint_crack, strong_stain)))["clear crack"] == 0
    assert truths(Scene((faint_crack, strong_stain, CRACK)))["clear crack"] == 1


def test_a_count_is_doubtful_where_one_of_its_defects_is() -> None:
    half_faint = Defect("crack", "line", 0.2, 0.2, 0.3, 0.25)
    assert truths(Scene((half_faint, CRACK)))["a clear mark"] == 1
    assert truths(Scene((half_faint, half_faint)))["a clear mark"] == -1


@pytest.mark.parametrize("name", built_in_products())
def test_every_word_has_a_japanese_translation_of_its_own(name: str) -> None:
    found = wording(name)
    assert set(found.translations) == set(found.words)
    assert len(set(found.words)) == len(found.words)
    japanese = list(found.translations.values())
    assert sorted(text for text in set(japanese) if japanese.count(text) > 1) == []
    assert all(not text.isascii() for text in japanese)


@pytest.mark.parametrize("name", built_in_products())
def test_the_most_telling_words_come_first_and_evidence_is_left_to_the_teacher(name: str) -> None:
    found = wording(name)
    part = found.product.part.text
    evidence = [one.text for one in EVIDENCE]
    assert found.tags[: 2 + len(evidence)] == (f"intact {part}", f"damaged {part}", *evidence)
    assert found.attributes[0] == "no marks"
    for scene in (Scene(), Scene((Defect(found.product.defects[0].name, "", 0.2, 0.2, 0.3, 0.5),))):
        assert found.truths(scene)[2 : 2 + len(evidence)].tolist() == [-1] * len(evidence)


def test_the_evidence_goes_from_certainly_intact_to_certainly_damaged() -> None:
    sure = ("possibly", "quite possibly", "likely", "very likely", "almost certainly", "certainly")
    assert [one.text for one in EVIDENCE] == [*(f"{how} intact" for how in reversed(sure)), *(f"{how} damaged" for how in sure)]
    assert [one.of for one in EVIDENCE] == ["intact"] * len(sure) + ["damaged"] * len(sure)


@pytest.mark.parametrize("name", built_in_products())
def test_words_for_defects_are_false_of_every_intact_picture(name: str) -> None:
    found = wording(name)
    things = [thing.name for thing in found.product.harmless]
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        scene = Scene(harmless=tuple(thing for thing in things if rng.random() < 0.5))
        assert not found.truths(scene)[found.defect_words].any()
    assert found.defect_words.sum() > len(found.product.defects)


def drawn_scene(found: Wording, rng: np.random.Generator) -> Scene:
    product = found.product
    defects = []
    for _ in range(int(rng.integers(4))):
        kind = product.defects[int(rng.integers(len(product.defects)))]
        shape = str(rng.choice(["line", *kind.shape_nouns]))
        x, y, size, strength = rng.random(4)
        defects.append(Defect(kind.name, shape, float(x), float(y), float(size), float(strength)))
    return Scene(tuple(defects), tuple(thing.name for thing in product.harmless if rng.random() < 0.3))


@pytest.mark.parametrize("name", built_in_products())
def test_a_caption_says_only_what_is_true(name: str) -> None:
    found = wording(name)
    product = found.product
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        scene = drawn_scene(found, rng)
        sentence = found.caption(scene, rng)
        said = dict(zip(found.words, found.truths(scene).tolist(), strict=True))
        assert sentence.isascii(), sentence
        assert sentence == sentence.lower(), sentence
        assert not any(sign in sentence for sign in "{}"), sentence
        assert ("damage" in sentence.replace("no damage", "") or "intact" not in sentence) or not scene.defects, sentence
        for word, generic in (("faint", "a faint mark"), ("clear", "a clear mark"), ("small", "a small mark"), ("large", "a large mark")):
            assert word not in sentence.split() or said[generic] == 1, (sentence, scene)
        for place in ("upper left", "upper right", "lower left", "lower right", "centre"):
            assert f"in the {place}" not in sentence or said[f"a mark in the {place}"] == 1, (sentence, scene)
        for thing in product.harmless:
            assert not thing.caption or (thing.caption in sentence) == (thing.name in scene.harmless), (sentence, scene)
        assert " and more " not in sentence or any(
            sum(defect.kind == kind.name for defect in scene.defects) > 1 for kind in product.defects if kind.several in sentence
        ), (sentence, scene)


def test_a_caption_names_the_most_visible_defect_in_varied_wording() -> None:
    scene = Scene((Defect("crack", "line", 0.2, 0.2, 0.3, 0.1), Defect("stain", "spot", 0.5, 0.5, 0.6, 0.9)))
    sentences = {wording().caption(scene, np.random.default_rng(seed)) for seed in SEEDS}
    assert all("stain" in sentence or "dark spot" in sentence for sentence in sentences)
    assert len(sentences) > 5


@pytest.mark.parametrize("name", built_in_products())
def test_the_corpus_has_every_token_of_captions_and_vocabularies(name: str) -> None:
    found = wording(name)
    tokens = {token for sentence in found.corpus(np.random.default_rng(0)) for token in sentence.split()}
    captions = [found.caption(drawn_scene(found, rng), rng) for rng in map(np.random.default_rng, SEEDS)]
    assert {token for text in (*captions, *found.words) for token in text.split()} <= tokens
