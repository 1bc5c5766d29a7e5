"""The contract of every describer. CLIP and BLIP run on the starter bundle."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from edge.bundle.open import open_trusted_bundle
from edge.describers import open_vision_models
from edge.describers.scripted import ScriptedDescriber
from edge.interfaces import Describer
from edge.picture.decode import read_picture
from edge.records import Frame
from firmware_config.board import read_board
from firmware_config.station import Describe, Term, read_station
from tests.support import tiny_vision_encoder_decoder
from tests.support.repository import KEYS, STARTER, STARTER_PICTURES
from tests.support.sample_records import description, frame


def clip_blip(**settings: object) -> Describer:
    bundle = open_trusted_bundle(STARTER, keys=KEYS)
    station = read_station(bundle.file("golden/station.toml"))
    vision = open_vision_models(bundle, board=read_board("cpu"))
    return vision.describer(station.describe.model_copy(update={"samples": 2, **settings}))


def vision_encoder_decoder() -> Describer:
    return open_vision_models(tiny_vision_encoder_decoder.bundle(), board=read_board("cpu")).describer(Describe(samples=2, max_tokens=8))


DESCRIBERS: dict[str, Callable[[], Describer]] = {
    "scripted": lambda: ScriptedDescriber({"crack.png": description("a crack")}),
    "CLIP and BLIP": clip_blip,
    "vision encoder and text decoder": vision_encoder_decoder,
    "CLIP and BLIP, filtered": lambda: clip_blip(filter=True, terms=(Term(name="crack", also=("fracture line", "thin crack")),)),
}


@pytest.fixture(params=DESCRIBERS, scope="module")
def describer(request: pytest.FixtureRequest) -> Describer:
    return DESCRIBERS[request.param]()


@pytest.fixture
def picture() -> Frame:
    pixels = read_picture(STARTER_PICTURES / "crack-1.png", max_pixels=10**6, max_bytes=10**7)
    return frame("crack.png", pixels=pixels)


def test_a_picture_gets_words_of_each_kind(describer: Describer, picture: Frame) -> None:
    words = describer.describe(picture).words
    assert words.tags
    assert words.attributes
    assert words.captions
    assert all(words.captions)


def test_cosines_are_finite_and_best_first(describer: Describer, picture: Frame) -> None:
    words = describer.describe(picture).words
    for tags in (words.tags, words.attributes):
        scores = [tag.score for tag in tags]
        assert all(math.isfinite(score) and -1 <= score <= 1 for score in scores)
        assert scores == sorted(scores, reverse=True)


def test_the_same_pixels_get_the_same_words(describer: Describer, picture: Frame) -> None:
    assert describer.describe(picture).words == describer.describe(picture).words


def test_the_picture_is_left_as_it_was(describer: Describer, picture: Frame) -> None:
    before = picture.pixels.copy()
    describer.describe(picture)
    assert (picture.pixels == before).all()


def test_a_struck_word_is_not_among_the_words_and_is_recorded(picture: Frame) -> None:
    plain, filtered = (clip_blip(only_true=False, tags=32, filter=strike).describe(picture) for strike in (False, True))
    struck = {entry.text for entry in filtered.struck if entry.where == "tag"}
    assert struck
    assert tuple(tag for tag in plain.words.tags if tag.word not in struck) == filtered.words.tags
    assert len(filtered.words.captions) <= len(plain.words.captions)


def test_the_greedy_caption_does_not_depend_on_how_many_captions_are_sampled() -> None:
    """A dynamic int8 graph has one scale for a batch, so a caption could depend on the rest of the batch."""
    describers = [clip_blip(samples=0), clip_blip(samples=1), clip_blip(samples=4), clip_blip(samples=4, seed=1)]
    for path in sorted(STARTER_PICTURES.glob("*.png")):
        pixels = read_picture(path, max_pixels=10**6, max_bytes=10**7)
        for flipped in (pixels, np.ascontiguousarray(pixels[::-1]), np.ascontiguousarray(pixels[:, ::-1])):
            alone, *in_a_batch = (describer.describe(frame(path.name, pixels=flipped)).words.captions[0] for describer in describers)
            assert in_a_batch == [alone] * 3
