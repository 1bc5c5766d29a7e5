"""Words and phrases of painted pictures, each with its truth and with the figures by which a filter may keep it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from export.painting.scene import Scene
from export.products.sampler import Sampler
from export.products.word import Truth
from export.products.wording import Wording
from export.studies.errors import StudyError
from export.studies.words.phrase_truth import PhraseTruth
from export.teach.describe import in_colour
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


_TRUTHS: Mapping[int, Truth] = {1: True, 0: False, -1: None}

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


def require_words(vocabulary: Iterable[str], wording: Wording) -> None:
    """Check that the truth of each word can be told.

    Raises:
        StudyError: the product has no such word.
    """
    unknown = next((word for word in vocabulary if word not in wording.words), None)
    if unknown is not None:
        product = wording.product.name
        msg = f"measuring words: the bundle says {unknown!r}, and the product {product} has no such word: give a bundle taught as {product}"
        raise StudyError(msg)


class SampleDescriber:
    """Describes painted samples of a product with a bundle by the settings of a station, without its filter."""

    def __init__(self, bundle: Bundle, station: Station, board: Board, wording: Wording) -> None:
        """Open the models.

        Raises:
            BundleError: a model cannot be opened.
            StudyError: the bundle says words that the product does not have.
        """
        clip = bundle.manifest.describer.clip
        settings = station.describe.model_copy(update={"filter": False, "terms": (), "samples": SAMPLED_CAPTIONS})
        vocabularies = read_vocabulary(bundle, clip.tags), read_vocabulary(bundle, clip.attributes)
        require_words((word for vocabulary in vocabularies for word in vocabulary.words), wording)
        self._wording, self._phrase_truth = wording, PhraseTruth(wording)
        self._describer = open_vision_models(bundle, board=board).describer(settings)
        self._tagger = ClipTagger(bundle, clip, board=board)
        self._embed_phrase = PhraseEmbedder(bundle, clip, board=board)
        self._foils = Foils(vocabularies, foils=read_foils(bundle, clip), embed_phrase=self._embed_phrase, threshold=clip.threshold)
        self.strictness = Strictness.of(clip.threshold)
        self._terms = Terms.known_to({word for vocabulary in vocabularies for word in vocabulary.words}, station.describe.terms)

    def describe(self, sampler: Sampler, count: int) -> list[CheckedPicture]:
        """Paint and describe `count` samples, half of them intact."""
        pictures = []
        for _ in tqdm(range(count), desc="describing", mininterval=10):
            sample = sampler.draw()
            pictures.append(self._check(in_colour(sample.pixels), sample.scene))
        return pictures

    def _check(self, pixels: Pixels, scene: Scene) -> CheckedPicture:
        embedding = self._tagger.see(pixels).image_embeds
        words = self._describer.describe(Frame(pixels, datetime.now(timezone.utc), 0, "study", 0, "painted")).words
        known = dict(zip(self._wording.words, (_TRUTHS[truth] for truth in self._wording.truths(scene).tolist()), strict=True))
        checked = [
            CheckedWord(kind, known[tag.word], self._foils.word_lead(embedding, tag.word), np.inf, tag.score)
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
                        self._phrase_truth.of(phrase.claim, scene),
                        *self._foils.phrase_leads(embedding, phrase),
                        cosine=-1.0 if own is None else float(own @ embedding),
                        head=None if phrase.head is None else first + phrase.head,
                    )
                )
        wordings = {"tags": self._wording.tags, "attributes": self._wording.attributes}
        true_words = {kind: sum(known[word] is True for word in words) for kind, words in wordings.items()}
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
