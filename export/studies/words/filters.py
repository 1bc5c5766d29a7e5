"""What the describer says of painted and rendered pictures, each word with its truth and with all that a filter could go by."""

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
from edge.describers.vocabulary import PhraseReader, read_vocabulary
from edge.records import Frame, Pixels
from export.painting.grain import make_grain
from export.painting.ground_truth import GroundTruth
from export.starter.sample import SIZE_PX, Sampler, good_cells
from export.starter.words import TAGS, word_targets
from export.studies.words.phrase_truth import truth_of
from firmware_config.board import Board
from firmware_config.station import Station

SAMPLES = 3
"""Sampled captions beside the greedy one."""

KINDS = ("tags", "attributes", "caption", "captions")
"""`caption` is the greedy one, `captions` the sampled ones."""


@dataclass(frozen=True, slots=True)
class Said:
    """One word or phrase that was said of a picture.

    `lead` and `over_others` are as `Foils.phrase_leads` gives them, `cosine` is its own; `true` is None for doubtful; `head` is the
    position, among all that was said of the picture, of what it stands with.
    """

    kind: str
    true: bool | None
    lead: float
    over_others: float
    cosine: float
    head: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said of a picture, and how many words of each vocabulary are true of it."""

    said: tuple[Said, ...]
    true_words: dict[str, int]


Keep = Callable[[Said], bool]


def ours(strictness: Strictness) -> Keep:
    """The filter."""
    return lambda said: strictness.supports(said.lead, said.over_others, said.cosine)


def absolute(threshold: float) -> Keep:
    """A control: one limit on the cosine for all words."""
    return lambda said: said.cosine >= threshold


def at_random(share: float, *, seed: int) -> Keep:
    """A control: strikes this share without looking."""
    rng = np.random.default_rng(seed)
    return lambda _: bool(rng.random() >= share)


class Listener:
    """Describes pictures of known truth with a bundle, by a station's settings."""

    def __init__(self, bundle: Bundle, station: Station, board: Board) -> None:
        clip = bundle.manifest.describer.clip
        settings = station.describe.model_copy(update={"filter": False, "terms": (), "samples": SAMPLES})
        vocabularies = read_vocabulary(bundle, clip.tags), read_vocabulary(bundle, clip.attributes)
        self._describer = open_vision_models(bundle, board=board).describer(settings)
        self._tagger = ClipTagger(bundle, clip, board=board)
        self._read = PhraseReader(bundle, clip, board=board)
        self._foils = Foils(vocabularies, foils=read_foils(bundle, clip), read=self._read, threshold=clip.threshold)
        self.strictness = Strictness.of(clip.threshold)
        self._terms = Terms.known_to({word for vocabulary in vocabularies for word in vocabulary.words}, station.describe.terms)

    def listen(self, *, count: int, seed: int, rendered: float, grain: float) -> list[Heard]:
        """Describe `count` pictures, of which these shares are wholly rendered and have grain; half of them are intact."""
        rng = np.random.default_rng(seed)
        sampler = Sampler(good_cells(), make_grain(24, SIZE_PX, rng), rng, rendered_share=rendered, grain_share=grain)
        heard = []
        for _ in tqdm(range(count), desc=f"describing, seed {seed}", mininterval=10):
            sample = sampler.draw()
            heard.append(self._hear(np.repeat(sample.pixels[:, :, None], 3, axis=2), sample.ground_truth))
        return heard

    def _hear(self, pixels: Pixels, truth: GroundTruth) -> Heard:
        picture = self._tagger.image_embeds(pixels)
        words = self._describer.describe(Frame(pixels, datetime.now(timezone.utc), 0, "study", 0, "painted")).words
        said = [
            Said(kind, truth_of(tag.word, truth), self._foils.word_lead(picture, tag.word), np.inf, tag.score)
            for kind, tags in (("tags", words.tags), ("attributes", words.attributes))
            for tag in tags
        ]
        for number, caption in enumerate(words.captions):
            first = len(said)
            for phrase in cut(self._terms.applied(caption), whole=self._foils.compound):
                own = self._read(phrase.claim)
                said.append(
                    Said(
                        "captions" if number else "caption",
                        truth_of(phrase.claim, truth),
                        *self._foils.phrase_leads(picture, phrase),
                        cosine=-1.0 if own is None else float(own @ picture),
                        head=None if phrase.head is None else first + phrase.head,
                    )
                )
        known = word_targets(truth) == 1
        return Heard(tuple(said), {"tags": int(known[: len(TAGS)].sum()), "attributes": int(known[len(TAGS) :].sum())})


def counted(heard: Heard, keep: Keep, kinds: Sequence[str]) -> NDArray[np.float64]:
    """Of one picture, float64 (5,): true words said, words said, true words kept, words kept, true words that could have been said.

    Doubtful words are left out. Of captions only what was said could have been said.
    """
    kept = [keep(said) for said in heard.said]
    left = [kept[i] and (said.head is None or kept[said.head]) for i, said in enumerate(heard.said)]
    mine = [(bool(said.true), stays) for said, stays in zip(heard.said, left, strict=True) if said.kind in kinds and said.true is not None]
    true = sum(truth for truth, _ in mine)
    could = sum(heard.true_words.values()) if set(heard.true_words) == set(kinds) else heard.true_words.get(kinds[0], true)
    return np.array([true, len(mine), sum(truth and stays for truth, stays in mine), sum(stays for _, stays in mine), could], np.float64)
