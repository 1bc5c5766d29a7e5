"""The quality filter: strike what the picture does not support, merge captions that claim the same, use the station's terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.describers.filter.foils import Foils, folded
from edge.describers.filter.phrases import cut, is_kept, join
from edge.describers.filter.plain_text import clean
from edge.describers.filter.terms import Terms
from edge.records import Description, Struck, Tag, Words


@dataclass(frozen=True, slots=True)
class QualityFilter:
    """Checks a description and rewords it.

    `foils` checks words and phrases against the picture; None if the station wants no check. `bundle_terms` give captions the wording of
    the bundle's vocabulary before the check; `station_terms` give all words the station's wording after it. Neither depends on earlier
    pictures, so that a picture always gets the same words.
    """

    foils: Foils | None
    bundle_terms: Terms
    station_terms: Terms

    def filtered(self, description: Description, image_embeds: NDArray[np.float32]) -> Description:
        """Return the filtered description of the picture with embedding `image_embeds`, float32 (D,); `struck` lists what was struck."""
        if self.foils is not None:
            description = self._supported(self.foils, description, image_embeds)
        words = description.words
        return replace(
            description,
            words=Words(
                tags=self._in_station_terms(words.tags),
                attributes=self._in_station_terms(words.attributes),
                captions=tuple(clean(self.station_terms.applied(caption)) for caption in words.captions),
                # What was measured is true as it is; only its wording is the station's.
                measured=tuple(replace(one, word=self.station_terms.applied(one.word)) for one in words.measured),
            ),
            struck=tuple(Struck(struck.where, self.station_terms.applied(struck.text)) for struck in description.struck),
        )

    def _supported(self, foils: Foils, description: Description, image_embeds: NDArray[np.float32]) -> Description:
        """Return the description with only what the picture supports."""
        words = description.words
        checked = [self._checked(foils, caption, image_embeds) for caption in words.captions]
        struck = [Struck("tag", tag.word) for tag in words.tags if not foils.supports_word(image_embeds, tag.word)]
        struck += [Struck("attribute", tag.word) for tag in words.attributes if not foils.supports_word(image_embeds, tag.word)]
        struck += [Struck("caption", claim) for _, _, claims in checked for claim in claims]
        supported = Words(
            tags=tuple(tag for tag in words.tags if foils.supports_word(image_embeds, tag.word)),
            attributes=tuple(tag for tag in words.attributes if foils.supports_word(image_embeds, tag.word)),
            captions=tuple(_merged([(text, claims) for text, claims, _ in checked])),
            measured=words.measured,
        )
        return replace(description, words=supported, struck=(*description.struck, *dict.fromkeys(struck)))

    def _checked(self, foils: Foils, caption: str, image_embeds: NDArray[np.float32]) -> tuple[str, frozenset[str], list[str]]:
        """Return the caption of the supported phrases, their claims (folded), and the claims that were struck."""
        phrases = cut(self.bundle_terms.applied(caption), compounds=foils.compounds)
        supported = [foils.supports_phrase(image_embeds, phrase) for phrase in phrases]
        kept = [is_kept(phrases, supported, index) for index in range(len(phrases))]
        claims = frozenset(folded(phrase.claim) for phrase, keep in zip(phrases, kept, strict=True) if keep)
        return join(phrases, supported), claims, [phrase.claim for phrase, keep in zip(phrases, kept, strict=True) if not keep]

    def _in_station_terms(self, tags: Sequence[Tag]) -> tuple[Tag, ...]:
        """Give tags, best first, the station's wording. Of tags that become the same word only the best is kept."""
        best: dict[str, Tag] = {}
        for tag in tags:
            word = self.station_terms.applied(tag.word)
            best.setdefault(folded(word), Tag(word, tag.score))
        return tuple(best.values())


def _merged(captions: Sequence[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """Yield the captions whose claims are not all in another caption. Of captions with equal claims the first is kept."""
    for index, (text, claims) in enumerate(captions):
        covered = any(claims < other or (claims == other and position < index) for position, (_, other) in enumerate(captions))
        if text and not covered:
            yield text
