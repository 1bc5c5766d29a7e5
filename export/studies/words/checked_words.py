"""Words and phrases of painted and rendered pictures, each with its truth and with the figures by which a filter may keep it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.bundle.open import Bundle
from edge.describers import open_vision_models
from edge.describers.clip import ClipTagger
from edge.describers.filter.foils import Foils, Strictness, read_foils
from edge.describers.filter.phrases import cut
from edge.describers.filter.terms import Terms
from edge.describers.vocabulary import PhraseEmbedder, read_vocabulary
from edge.records import Frame, Pixels
from export.painting.grain import make_grain
from export.painting.ground_truth import GroundTruth
from export.starter.sample import SIZE_PX, Sampler, good_cells
from export.starter.words import TAGS, Truth, word_targets
from export.studies.words.phrase_truth import phrase_truth
from firmware_config.board import Board
from firmware_config.station import Station

SAMPLED_CAPTIONS = 3
"""Sampled captions of a picture, besides the greedy one."""

KINDS = ("tags", "attributes", "caption", "captions")
"""Kinds of words; `caption` are the phrases of the greedy caption, `captions` those of the sampled ones."""


@dataclass(frozen=True, slots=True)
class CheckedWord:
    """A word or phrase that the describer gave to a picture.

    `kind` is one of KINDS; `true` is None for doubtful. `lead` and `lead_over_exchanged` are those of `Foils.phrase_leads`; `cosine` is
    that with the picture. `head` is the position, among the words of the picture, of the phrase without which this one is struck.
    """

    kind: str
    true: Truth
    lead: float
    lead_over_exchanged: float
    cosine: float
    head: int | None = None


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """The words of a picture, and how many words of each vocabulary are true of it."""

    words: tuple[CheckedWord, ...]
    true_words: dict[str, int]


Filter = Callable[[CheckedWord], bool]
"""Tells whether a word stays."""


def quality_filter(strictness: Strictness) -> Filter:
    """The product's filter."""
    return lambda word: strictness.supports(word.lead, word.lead_over_exchanged, word.cosine)


def cosine_filter(threshold: float) -> Filter:
    """A control: a word stays if its cosine is at least `threshold`."""
    return lambda word: word.cosine >= threshold


def random_filter(share: float, *, seed: int) -> Filter:
    """A control: strikes a `share` (0..1) of the words at random."""
    rng = np.random.default_rng(seed)
    return lambda _: bool(rng.random() >= share)


class SampleDescriber:
    """Describes painted samples with a bundle by the settings of a station, without its filter."""

    def __init__(self, bundle: Bundle, station: Station, board: Board) -> None:
        clip = bundle.manifest.describer.clip
        settings = station.describe.model_copy(update={"filter": False, "terms": (), "samples": SAMPLED_CAPTIONS})
        vocabularies = read_vocabulary(bundle, clip.tags), read_vocabulary(bundle, clip.attributes)
        self._describer = open_vision_models(bundle, board=board).describer(settings)
        self._tagger = ClipTagger(bundle, clip, board=board)
        self._embed_phrase = PhraseEmbedder(bundle, clip, board=board)
        self._foils = Foils(vocabularies, foils=read_foils(bundle, clip), embed_phrase=self._embed_phrase, threshold=clip.threshold)
        self.strictness = Strictness.of(clip.threshold)
        self._terms = Terms.known_to({word for vocabulary in vocabularies for word in vocabulary.words}, station.describe.terms)

    def describe(self, *, count: int, seed: int, rendered: float, grain: float) -> list[CheckedPicture]:
        """Paint and describe `count` samples, half of them intact; `rendered` and `grain` are the shares of Sampler."""
        rng = np.random.default_rng(seed)
        sampler = Sampler(good_cells(), make_grain(24, SIZE_PX, rng), rng, rendered_share=rendered, grain_share=grain)
        pictures = []
        for _ in tqdm(range(count), desc=f"describing, seed {seed}", mininterval=10):
            sample = sampler.draw()
            pictures.append(self._check(np.repeat(sample.pixels[:, :, None], 3, axis=2), sample.ground_truth))
        return pictures

    def _check(self, pixels: Pixels, ground_truth: GroundTruth) -> CheckedPicture:
        embedding = self._tagger.see(pixels).image_embeds
        words = self._describer.describe(Frame(pixels, datetime.now(timezone.utc), 0, "study", 0, "painted")).words
        checked = [
            CheckedWord(kind, phrase_truth(tag.word, ground_truth), self._foils.word_lead(embedding, tag.word), np.inf, tag.score)
            for kind, tags in (("tags", words.tags), ("attributes", words.attributes))
            for tag in tags
        ]
        for number, caption in enumerate(words.captions):
            first = len(checked)
            for phrase in cut(self._terms.applied(caption), compounds=self._foils.compounds):
                own = self._embed_phrase(phrase.claim)
                checked.append(
                    CheckedWord(
                        "captions" if number else "caption",
                        phrase_truth(phrase.claim, ground_truth),
                        *self._foils.phrase_leads(embedding, phrase),
                        cosine=-1.0 if own is None else float(own @ embedding),
                        head=None if phrase.head is None else first + phrase.head,
                    )
                )
        is_true = word_targets(ground_truth) == 1
        true_words = {"tags": int(is_true[: len(TAGS)].sum()), "attributes": int(is_true[len(TAGS) :].sum())}
        return CheckedPicture(tuple(checked), true_words)


def count_words(picture: CheckedPicture, stays: Filter, kinds: Sequence[str]) -> NDArray[np.float64]:
    """Count the words of some kinds in a picture, float64 (5,). Doubtful words are left out.

    True words before the filter, words before it, true words after it, words after it, and all true words: those of the vocabularies for
    tags and attributes, those before the filter for captions.
    """
    passed = [stays(word) for word in picture.words]
    kept = [passed[i] and (word.head is None or passed[word.head]) for i, word in enumerate(picture.words)]
    chosen = [(word, stayed) for word, stayed in zip(picture.words, kept, strict=True) if word.kind in kinds and word.true is not None]
    true = sum(word.true is True for word, _ in chosen)
    both = set(picture.true_words) == set(kinds)
    all_true = sum(picture.true_words.values()) if both else picture.true_words.get(kinds[0], true)
    true_kept, all_kept = sum(word.true is True and stayed for word, stayed in chosen), sum(stayed for _, stayed in chosen)
    return np.array([true, len(chosen), true_kept, all_kept, all_true], np.float64)
