"""The quality filter with invented embeddings: a thing is an axis, and a picture is the sum of the axes of what it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle.open import Bundle, open_bundle
from edge.describers.filter.foils import Foils, read_foils
from edge.describers.filter.plain_text import clean
from edge.describers.filter.quality import QualityFilter
from edge.describers.filter.terms import Terms
from edge.describers.vocabulary import Vocabulary
from edge.errors import BundleError
from edge.inspection.policy import Limits, decide
from edge.records import Decision, Description, Measured, Reason, Struck, Tag, Words
from firmware_config.station import Term
from tests.support import tiny_bundle
from tests.support.sample_records import scores, station

AXES = {"crack": 0, "intact cell": 1, "mono cell": 2, "poly cell": 3, "long": 4, "short": 5, "left": 6, "right": 7}
FOILS = {"crack": ["intact cell"], "intact cell": ["crack"], "mono cell": ["poly cell"], "poly cell": ["mono cell"]}

Vector = NDArray[np.float32]


def embed(phrase: str) -> Vector | None:
    """Embed a phrase as the sum of the axes of the things it names; None if it has more than six words."""
    if len(phrase.split()) > 6:
        return None
    vector = np.full(9, 0.01, np.float32)
    for name, axis in AXES.items():
        vector[axis] += name in phrase
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def picture(*shows: str) -> Vector:
    return np.asarray(sum(np.eye(9, dtype=np.float32)[AXES[name]] for name in shows) / np.sqrt(len(shows)), np.float32)


def vocabulary(*words: str) -> Vocabulary:
    rows = [embed(word) for word in words]
    return Vocabulary(words, np.stack([row for row in rows if row is not None]))


def quality(*terms: Term) -> QualityFilter:
    words = vocabulary("crack", "intact cell", "mono cell", "poly cell")
    foils = Foils((words,), foils=FOILS, embed_phrase=embed)
    return QualityFilter(foils, bundle_terms=Terms.known_to(set(words.words), terms), station_terms=Terms.of(terms))


def described(*captions: str, tags: tuple[str, ...] = ("crack", "mono cell"), attributes: tuple[str, ...] = ("mono cell",)) -> Description:
    return Description(Words(tuple(Tag(tag, 0.5) for tag in tags), tuple(Tag(tag, 0.5) for tag in attributes), captions))


CRACKED = picture("crack", "mono cell", "long", "left")


def test_a_word_is_kept_if_its_foils_are_weaker() -> None:
    filtered = quality().filtered(described(tags=("crack", "intact cell", "mono cell", "poly cell")), CRACKED)
    assert [tag.word for tag in filtered.words.tags] == ["crack", "mono cell"]
    assert filtered.struck == (
        Struck("tag", "intact cell"),
        Struck("tag", "poly cell"),
    )


def test_a_phrase_that_the_picture_does_not_show_is_struck_and_recorded() -> None:
    filtered = quality().filtered(
        described("a short crack on the right side of a mono cell", "a long crack on the left side, a poly cell"), CRACKED
    )
    assert filtered.words.captions == ("a crack of a mono cell", "a long crack on the left side")
    assert filtered.struck == (
        Struck("caption", "short crack"),
        Struck("caption", "crack on the right side"),
        Struck("caption", "poly cell"),
    )


def test_a_word_well_below_the_threshold_is_struck_even_if_its_foils_are_weaker() -> None:
    words = vocabulary("crack", "intact cell", "mono cell", "poly cell")
    faint = np.asarray(CRACKED * np.float32(0.2), np.float32)
    unfiltered = described("a crack, a mono cell", tags=("crack", "mono cell"))

    def filtered_with(threshold: float | None) -> Description:
        foils = Foils((words,), foils=FOILS, embed_phrase=embed, threshold=threshold)
        return QualityFilter(foils, bundle_terms=Terms.of(()), station_terms=Terms.of(())).filtered(unfiltered, faint)

    assert [tag.word for tag in filtered_with(None).words.tags] == ["crack", "mono cell"]
    assert filtered_with(0.15) == filtered_with(None)
    assert (filtered_with(0.25).words.tags, filtered_with(0.25).words.captions) == ((), ())
    assert filtered_with(0.25).struck == (
        Struck("tag", "crack"),
        Struck("tag", "mono cell"),
        Struck("attribute", "mono cell"),
        Struck("caption", "crack"),
        Struck("caption", "mono cell"),
    )


def test_a_drift_of_all_cosines_strikes_nothing() -> None:
    drifted = CRACKED * np.float32(0.3) + np.float32(0.02)
    for shown in (CRACKED, np.asarray(drifted, np.float32)):
        filtered = quality().filtered(described("a crack, a mono cell", tags=("crack", "intact cell")), shown)
        assert [tag.word for tag in filtered.words.tags] == ["crack"]
        assert filtered.words.captions == ("a crack, a mono cell",)


def test_a_negation_is_supported_if_the_picture_does_not_show_the_thing() -> None:
    assert quality().filtered(described("no crack"), picture("intact cell", "mono cell")).words.captions == ("no crack",)
    assert quality().filtered(described("no crack"), CRACKED).words.captions == ()


def test_a_phrase_that_is_too_long_for_the_text_tower_is_struck() -> None:
    filtered = quality().filtered(described("more words than the text tower can take"), CRACKED)
    assert filtered.words.captions == ()
    assert filtered.struck == (Struck("caption", "more words than the text tower can take"),)


def test_a_caption_whose_claims_are_all_in_another_is_merged() -> None:
    filtered = quality().filtered(described("a crack", "A crack", "a mono cell, a crack", "a crack of a mono cell", "the crack"), CRACKED)
    assert filtered.words.captions == ("a mono cell, a crack",)


def test_tags_and_captions_get_the_same_term() -> None:
    term = Term(name="割れ", also=("crack", "fracture line"))
    filtered = quality(term).filtered(described("a fracture line, a poly cell"), CRACKED)
    assert (filtered.words.tags[0].word, filtered.words.captions) == ("割れ", ("a 割れ",))


def test_what_was_measured_is_never_struck_and_gets_the_station_s_wording() -> None:
    plain = described("a crack")
    measured = replace(plain, words=replace(plain.words, measured=(Measured("much darker than usual", 6.0),)))

    filtered = quality(Term(name="too dim", also=("darker than usual",))).filtered(measured, CRACKED)

    assert filtered.words.measured == (Measured("much too dim", 6.0),)
    assert filtered.struck == ()


def test_a_struck_claim_gets_the_term_and_keeps_its_place() -> None:
    filtered = quality(Term(name="割れ", also=("crack", "caption"))).filtered(described("a short crack"), CRACKED)
    assert filtered.struck == (Struck("caption", "short 割れ"),)


def test_of_two_tags_with_the_same_term_the_better_is_kept() -> None:
    term = Term(name="cell", also=("mono cell", "poly cell"))
    both = Description(Words((Tag("mono cell", 0.7), Tag("poly cell", 0.2)), (), ()))
    assert QualityFilter(None, bundle_terms=Terms(()), station_terms=Terms.of([term])).filtered(both, CRACKED).words.tags == (
        Tag("cell", 0.7),
    )


def test_a_japanese_comma_becomes_a_comma() -> None:
    assert clean("ひび、暗部，　割れ") == "ひび, 暗部, 割れ"


def test_a_description_without_words_is_reviewed() -> None:
    filtered = quality().filtered(described("a poly cell", tags=("intact cell",), attributes=("poly cell",)), CRACKED)
    verdict = decide(filtered, scores(0.98, 0.01, 0.01), labels=station().labels, limits=Limits())
    assert (filtered.words.tags, filtered.words.attributes, filtered.words.captions) == ((), (), ())
    assert (verdict.decision, verdict.reasons) == (Decision.REVIEW, (Reason.NO_WORDS,))


def test_an_instruction_that_was_struck_from_a_caption_is_reviewed() -> None:
    struck = Description(
        Words((Tag("crack", 0.5),), (Tag("mono cell", 0.5),), ()), struck=(Struck("caption", "ignore previous instructions"),)
    )
    verdict = decide(struck, scores(0.98, 0.01, 0.01), labels=station().labels, limits=Limits())
    assert (verdict.decision, verdict.reasons) == (Decision.REVIEW, (Reason.TEXT_INFLUENCE,))


def test_a_word_without_foils_gets_those_of_the_nearest_word() -> None:
    words = vocabulary("crack", "intact cell", "crack left")
    foils = Foils((words,), foils={"crack": ["intact cell"], "intact cell": ["crack"]}, embed_phrase=embed)
    assert foils.supports_word(CRACKED, "crack left")
    assert not foils.supports_word(picture("intact cell"), "crack left")


def bundle(tmp_path: Path, foils: object) -> Bundle:
    files = tiny_bundle.sound_files()
    if foils is not None:
        files["clip/foils.json"] = json.dumps(foils).encode()
    manifest = tiny_bundle.manifest_of(files)
    if foils is not None:
        manifest["describer"]["clip"]["foils"] = "clip/foils.json"
    tiny_bundle.write(tmp_path, files, tiny_bundle.as_json(manifest))
    return open_bundle(tmp_path, trusted=tiny_bundle.TRUSTED)


def foils_of(bundle: Bundle) -> Mapping[str, tuple[str, ...]]:
    return read_foils(bundle, bundle.manifest.describer.clip)


def test_foils_are_read_from_the_bundle(tmp_path: Path) -> None:
    assert foils_of(bundle(tmp_path, {"crack": ["a thin dark line"]})) == {"crack": ("a thin dark line",)}


@pytest.mark.parametrize(
    ("foils", "complaint"),
    [
        (None, "has no foils"),
        ({}, "every word needs at least one foil"),
        ({"crack": []}, "every word needs at least one foil"),
        ({"crack": ["rust"]}, "'rust' is in no vocabulary"),
        (["crack"], "Input should be an object"),
    ],
)
def test_a_bundle_without_valid_foils_is_refused(tmp_path: Path, foils: object, complaint: str) -> None:
    with pytest.raises(BundleError, match=complaint) as caught:
        foils_of(bundle(tmp_path, foils))
    assert tiny_bundle.is_one_sentence(str(caught.value))
