"""Compare words and phrases with their foils: words that cannot be true together with them (docs/decisions/0005-words-against-foils.md).

A fixed limit on a cosine does not work, because cosines drift from camera to camera and each word has its own offset. The cosine of a foil
comes from the same picture, so that both drift together. A CLIP that was trained with a sigmoid loss also has a cosine at which a word is
as likely true as false (`clip.threshold`). With it, a word well below the threshold is struck whatever its foils are.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import RootModel

from edge.bundle.open import Bundle
from edge.describers.filter.phrases import Phrase, has_separator, is_negated
from edge.describers.vocabulary import CACHED_PHRASES, SCORE_DIGITS, Vocabulary
from edge.errors import BundleError
from firmware_config.bundle_parts import NO_FOILS
from firmware_config.describers import Clip
from firmware_config.errors import first_mistake
from firmware_config.strict_json import read_json

Embedding = NDArray[np.float32]
"""float32 (D,), unit length."""

EmbedPhrase = Callable[[str], "Embedding | None"]
"""Returns the embedding of a phrase; None if the phrase is too long for the text tower."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Strictness:
    """How strongly the picture must support a word or phrase. All figures are cosines or differences of cosines.

    `margin`: the least lead over the strongest foil. `exchange`: the least lead over the same phrase with another modifier or place.
    `threshold`: the cosine at which a word is as likely true as false, if the bundle has one. `slack`: how far below `threshold` a cosine
    may be.
    """

    margin: float
    exchange: float
    slack: float = math.inf
    threshold: float = -math.inf

    def supports(self, lead: float, lead_over_exchanged: float, cosine: float) -> bool:
        """Tell whether a word or phrase with these leads and this cosine is supported."""
        return lead >= self.margin and lead_over_exchanged >= self.exchange and cosine >= self.threshold - self.slack

    @classmethod
    def of(cls, threshold: float | None) -> Strictness:
        """Return the strictness for a bundle whose clip.threshold is `threshold`.

        Both sets of figures were chosen on painted pictures of the starter's training modules. With a threshold:
        `python -m export.studies.words.measure --choose`; docs/studies/words.md measures them on other pictures. Without one: the most
        precise figures that strike at most 4 % of the true words of the starter, with its threshold ignored.
        """
        if threshold is None:
            return cls(margin=-0.05, exchange=0.05)
        return cls(margin=-0.15, exchange=-math.inf, slack=0.1, threshold=threshold)


class Foils:
    """Compares words and phrases with their foils. Pictures are given by their embedding `image_embeds`, float32 (D,), unit length.

    `foils` maps words of `vocabularies` to the words that are not true together with them. `embed_phrase` embeds the phrases of captions.
    `threshold` is the bundle's clip.threshold.
    """

    def __init__(
        self,
        vocabularies: Sequence[Vocabulary],
        *,
        foils: Mapping[str, Sequence[str]],
        embed_phrase: EmbedPhrase,
        threshold: float | None = None,
    ) -> None:
        self._strictness = Strictness.of(threshold)
        self._words = [word for vocabulary in vocabularies for word in vocabulary.words]
        self._embeddings = np.concatenate([vocabulary.embeddings for vocabulary in vocabularies])
        self._embed_phrase = embed_phrase
        self._positions = positions = {word: index for index, word in enumerate(self._words)}
        self._foils = {positions[word]: [positions[foil] for foil in against] for word, against in foils.items()}
        padded = {f" {folded(word)} ": index for index, word in enumerate(self._words)}
        self._longest_first = sorted(padded.items(), key=lambda item: (-len(item[0]), item[1]))
        self._words_in_claim: dict[str, list[int]] = {}
        self.compounds = tuple(word for word in self._words if has_separator(word))
        """Words that contain a separator of phrases, such as "dark and bright grains": a caption is not cut inside them."""

    def supports_word(self, image_embeds: Embedding, word: str) -> bool:
        """Tell whether the picture supports a word of the vocabularies."""
        cosine = round(float(self._embeddings[self._positions[word]] @ image_embeds), SCORE_DIGITS)
        return self._strictness.supports(self.word_lead(image_embeds, word), math.inf, cosine)

    def supports_phrase(self, image_embeds: Embedding, phrase: Phrase) -> bool:
        """Tell whether the picture supports a phrase of a caption."""
        own = self._embed_phrase(phrase.claim)
        cosine = -math.inf if own is None else round(float(own @ image_embeds), SCORE_DIGITS)
        return self._strictness.supports(*self.phrase_leads(image_embeds, phrase), cosine)

    def word_lead(self, image_embeds: Embedding, word: str) -> float:
        """Return the cosine of a word of the vocabularies minus the cosine of its strongest foil."""
        return self._lead_at(image_embeds, self._positions[word])

    def phrase_leads(self, image_embeds: Embedding, phrase: Phrase) -> tuple[float, float]:
        """Return the lead of a phrase over foils, and its lead over itself with another modifier or place.

        The lead over foils depends on the words of the vocabularies that the claim names:
        - some: the smallest of their leads;
        - some, and the claim negates them ("no crack"): minus the largest of their leads;
        - none: the lead of the claim's own embedding over the foils of the nearest word.

        The second lead is infinite if the phrase has no modifier and no place. Both are minus infinity if the claim is too long for the
        text tower.
        """
        own, named = self._embed_phrase(phrase.claim), self._named_words(phrase.claim)
        if own is None:
            return -math.inf, -math.inf
        leads = [self._lead_at(image_embeds, index) for index in named]
        if not named:
            lead = _lead(image_embeds, own, self._embeddings[self._foils_of(self._nearest(own))])
        elif is_negated(phrase.claim) and not any(is_negated(self._words[index]) for index in named):
            lead = -max(leads)
        else:
            lead = min(leads)
        if not phrase.contrasts:
            return lead, math.inf
        contrasts = [contrast for contrast in map(self._embed_phrase, phrase.contrasts) if contrast is not None]
        return lead, _lead(image_embeds, own, np.stack(contrasts)) if contrasts else -math.inf

    def _named_words(self, claim: str) -> list[int]:
        """Return the positions of the words that a claim contains, without words inside longer ones."""
        if claim not in self._words_in_claim:
            rest, positions = f" {folded(claim)} ", []
            for padded, index in self._longest_first:
                if padded in rest:
                    rest = rest.replace(padded, " | ")
                    positions.append(index)
            if len(self._words_in_claim) >= CACHED_PHRASES:
                self._words_in_claim.clear()
            self._words_in_claim[claim] = positions
        return self._words_in_claim[claim]

    def _lead_at(self, image_embeds: Embedding, index: int) -> float:
        return _lead(image_embeds, self._embeddings[index], self._embeddings[self._foils_of(index)])

    def _foils_of(self, index: int) -> list[int]:
        """Return the foils of a word. A word that the station added has none of its own and gets those of the nearest word that has."""
        if index not in self._foils:
            with_foils = sorted(self._foils)
            cosines = np.round(self._embeddings[with_foils] @ self._embeddings[index], SCORE_DIGITS)
            self._foils[index] = self._foils[with_foils[int(np.argmax(cosines))]]
        return self._foils[index]

    def _nearest(self, own: Embedding) -> int:
        return int(np.argmax(np.round(self._embeddings @ own, SCORE_DIGITS)))


def _lead(image_embeds: Embedding, own: Embedding, foils: NDArray[np.float32]) -> float:
    """Return the cosine of `own` (D,) minus the largest cosine of `foils` (N, D), rounded to SCORE_DIGITS."""
    return round(float(own @ image_embeds) - float((foils @ image_embeds).max()), SCORE_DIGITS)


def folded(text: str) -> str:
    """Return `text` in a form for comparison: case folded, words with one space between them, no articles, English plural removed."""
    words = [word for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()) if word not in {"a", "an", "the"}]
    return " ".join(word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words)


class _FoilsFile(RootModel[dict[str, tuple[str, ...]]]):
    """foils.json: word of a vocabulary -> words that are not true together with it."""


def read_foils(bundle: Bundle, clip: Clip) -> Mapping[str, tuple[str, ...]]:
    """Read the foils of a bundle.

    Raises:
        BundleError: the bundle has no foils, or the file is not valid, or it names a word that is not in the bundle's vocabularies.
    """
    if clip.foils is None:
        raise BundleError(NO_FOILS.format(bundle=bundle.manifest.name))
    words = {word for part in (clip.tags, clip.attributes) for word in bundle.text(part.words).splitlines()}
    try:
        foils = read_json(_FoilsFile, bundle.text(clip.foils).encode()).root
    except ValueError as err:
        msg = f"reading {clip.foils} of bundle {bundle.manifest.name}: {first_mistake(err)}: build the bundle again"
        raise BundleError(msg) from err
    if not foils or not all(foils.values()):
        msg = f"reading {clip.foils} of bundle {bundle.manifest.name}: every word needs at least one foil: build the bundle again"
        raise BundleError(msg)
    unknown = next((word for word, against in foils.items() for word in (word, *against) if word not in words), None)
    if unknown is not None:
        msg = f"reading {clip.foils} of bundle {bundle.manifest.name}: {unknown!r} is in no vocabulary of the bundle: build it again"
        raise BundleError(msg)
    return foils
