"""Is a phrase supported by the picture? Told by contrast with its foils: what cannot be true together with it.

One absolute limit on a cosine does not hold: cosines drift from camera to camera, and each word has an offset of its own. A foil is read
off the same picture, so what moves all cosines moves both sides. Only a CLIP that learned to tell true words from false ones has a cosine
at which they part; there a word well under it is struck whatever its foils say.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import RootModel, ValidationError

from edge.bundle.open import Bundle
from edge.describers.filter.phrases import Phrase, denies, holds_joint
from edge.describers.vocabulary import REMEMBERED, SCORE_DIGITS, Vocabulary
from edge.errors import BundleError
from firmware_config.describers import Clip

Embedding = NDArray[np.float32]
Read = Callable[[str], "Embedding | None"]

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Strictness:
    """How far the picture must support a word or phrase for it to stay. All figures are differences of cosines.

    `margin`: its lead over its strongest foil must be at least this. `exchange`: its lead over the same phrase with another modifier or
    place must be at least this. `threshold` is the cosine at which a word is as likely true as false, where the bundle has one; the
    cosine of a word may be less than that by `slack`.
    """

    margin: float
    exchange: float
    slack: float = math.inf
    threshold: float = -math.inf

    def supports(self, lead: float, lead_over_exchanged: float, cosine: float) -> bool:
        """Tell whether a word or phrase with these leads and this cosine stays."""
        return lead >= self.margin and lead_over_exchanged >= self.exchange and cosine >= self.threshold - self.slack

    @classmethod
    def of(cls, threshold: float | None) -> Strictness:
        """The strictness in use for a bundle whose clip.threshold is `threshold`.

        The figures with a threshold were chosen on painted pictures of the starter's training modules, by
        `python -m export.studies.words.measure --choose`; docs/studies/words.md shows what they do on other pictures. The figures without
        one were chosen on the same pictures as if the starter had no threshold: the most precise that strike at most 4 % of the true words.
        """
        if threshold is None:
            return cls(margin=-0.05, exchange=0.05)
        return cls(margin=-0.15, exchange=-math.inf, slack=0.1, threshold=threshold)


class Foils:
    """Contrasts words and phrases with their foils.

    `foils` names, for words of the vocabularies, the words that are not true together with them; `read` embeds a phrase, None where it is
    too long; `threshold` is the bundle's clip.threshold.
    """

    def __init__(
        self, vocabularies: Sequence[Vocabulary], *, foils: Mapping[str, Sequence[str]], read: Read, threshold: float | None = None
    ) -> None:
        self._strictness = Strictness.of(threshold)
        self._words = [word for vocabulary in vocabularies for word in vocabulary.words]
        self._embeddings = np.concatenate([vocabulary.embeddings for vocabulary in vocabularies])
        self._read = read
        self._positions = at = {word: index for index, word in enumerate(self._words)}
        self._foils = {at[word]: [at[foil] for foil in against] for word, against in foils.items()}
        keys = {f" {folded(word)} ": index for index, word in enumerate(self._words)}
        self._keys = sorted(keys.items(), key=lambda item: (-len(item[0]), item[1]))
        self._named: dict[str, list[int]] = {}
        self.compound = tuple(word for word in self._words if holds_joint(word))
        """Words that hold what a caption is cut at, such as "dark and bright grains"."""

    def shows_word(self, picture: Embedding, word: str) -> bool:
        """Tell whether `picture` (D,) supports a word of the vocabularies."""
        own = round(float(self._embeddings[self._positions[word]] @ picture), SCORE_DIGITS)
        return self._strictness.supports(self.word_lead(picture, word), math.inf, own)

    def shows(self, picture: Embedding, phrase: Phrase) -> bool:
        """Tell whether `picture` (D,) supports a phrase of a caption."""
        own = self._read(phrase.claim)
        cosine = -math.inf if own is None else round(float(own @ picture), SCORE_DIGITS)
        return self._strictness.supports(*self.phrase_leads(picture, phrase), cosine)

    def word_lead(self, picture: Embedding, word: str) -> float:
        """Cosine of a word of the vocabularies less that of its strongest foil."""
        return self._lead_of(picture, self._positions[word])

    def phrase_leads(self, picture: Embedding, phrase: Phrase) -> tuple[float, float]:
        """The lead of what a phrase names, and its lead over itself with another modifier or place; infinite where there is none.

        The first is the least lead of the words of the vocabularies that the phrase names; of one that denies ("no crack") the lead that
        they lack; of one that names none the lead of its own embedding over the foils of the nearest word. A phrase that is too long to
        be read leads by minus infinity.
        """
        own, named = self._read(phrase.claim), self.named(phrase.claim)
        if own is None:
            return -math.inf, -math.inf
        leads = [self._lead_of(picture, index) for index in named]
        if not named:
            lead = _lead(picture, own, self._embeddings[self._foils_of(self._nearest(own))])
        elif denies(phrase.claim) and not any(denies(self._words[index]) for index in named):
            lead = -max(leads)
        else:
            lead = min(leads)
        if not phrase.against:
            return lead, math.inf
        others = [other for other in map(self._read, phrase.against) if other is not None]
        return lead, _lead(picture, own, np.stack(others)) if others else -math.inf

    def named(self, claim: str) -> list[int]:
        """The positions of the words that a claim names; a word inside a longer one that is named does not count."""
        if claim not in self._named:
            rest, found = f" {folded(claim)} ", []
            for key, index in self._keys:
                if key in rest:
                    rest = rest.replace(key, " | ")
                    found.append(index)
            if len(self._named) >= REMEMBERED:
                self._named.clear()
            self._named[claim] = found
        return self._named[claim]

    def _lead_of(self, picture: Embedding, index: int) -> float:
        return _lead(picture, self._embeddings[index], self._embeddings[self._foils_of(index)])

    def _foils_of(self, index: int) -> list[int]:
        """A word's foils; those of its nearest neighbour that has some, where it was added without."""
        if index not in self._foils:
            have = sorted(self._foils)
            near = have[int(np.argmax(np.round(self._embeddings[have] @ self._embeddings[index], SCORE_DIGITS)))]
            self._foils[index] = self._foils[near]
        return self._foils[index]

    def _nearest(self, own: Embedding) -> int:
        return int(np.argmax(np.round(self._embeddings @ own, SCORE_DIGITS)))


def _lead(picture: Embedding, own: Embedding, foils: NDArray[np.float32]) -> float:
    """Cosine of `own` less that of the strongest foil, rounded as all cosines are."""
    return round(float(own @ picture) - float((foils @ picture).max()), SCORE_DIGITS)


def folded(text: str) -> str:
    """What two wordings of one thing have in common: small words with one space between, without articles, in the singular."""
    words = [word for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()) if word not in {"a", "an", "the"}]
    return " ".join(word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words)


class _File(RootModel[dict[str, tuple[str, ...]]]):
    """foils.json: word of a vocabulary -> words that are not true together with it."""


def read_foils(bundle: Bundle, clip: Clip) -> Mapping[str, tuple[str, ...]]:
    """Read the foils of a bundle.

    Raises:
        BundleError: it has none, or they are not of its vocabularies' words.
    """
    if clip.foils is None:
        msg = (
            f"bundle {bundle.manifest.name} does not say which words exclude each other (clip.foils), which describe.filter needs: "
            "build it again with 16 pictures or more, or set filter = false"
        )
        raise BundleError(msg)
    known = {word for part in (clip.tags, clip.attributes) for word in bundle.path(part.words).read_text(encoding="utf-8").splitlines()}
    try:
        foils = _File.model_validate_json(bundle.path(clip.foils).read_bytes()).root
    except ValidationError as err:
        msg = f"{clip.foils} is not understood ({err.errors()[0]['msg']}): build the bundle again"
        raise BundleError(msg) from err
    stranger = next((word for word, against in foils.items() for word in (word, *against) if word not in known), None)
    if not foils or not all(foils.values()) or stranger is not None:
        msg = f"{clip.foils} {'is empty' if stranger is None else f'names {stranger!r}, which no vocabulary holds'}: build the bundle again"
        raise BundleError(msg)
    return foils
