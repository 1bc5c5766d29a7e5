"""The quality filter: what the picture does not support is struck, what says the same is merged, wording becomes the station's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.describers.filter.foils import Foils, folded
from edge.describers.filter.phrases import cut, join, stands
from edge.describers.filter.plain_text import clean
from edge.describers.filter.terms import Terms
from edge.records import Description, Struck, Tag, Words


@dataclass(frozen=True, slots=True)
class QualityFilter:
    """`foils` checks words and phrases against the picture, None where the station wants no check.

    `known` gives captions the wording that the bundle's models know, `named` gives everything the station's; both are the same every time,
    so that a picture always gets the same words.
    """

    foils: Foils | None
    known: Terms
    named: Terms

    def filtered(self, description: Description, picture: NDArray[np.float32]) -> Description:
        """What is left of a description of `picture`, its embedding, float32 (D,); what was struck is listed in `struck`."""
        if self.foils is not None:
            description = self._supported(self.foils, description, picture)
        words = description.words
        return replace(
            description,
            words=Words(
                tags=self._read_as_named(words.tags),
                attributes=self._read_as_named(words.attributes),
                captions=tuple(clean(self.named.applied(caption)) for caption in words.captions),
            ),
            struck=tuple(Struck(struck.where, self.named.applied(struck.text)) for struck in description.struck),
        )

    def _supported(self, foils: Foils, description: Description, picture: NDArray[np.float32]) -> Description:
        """Without what the picture does not support."""
        words = description.words
        checked = [self._checked(foils, caption, picture) for caption in words.captions]
        struck = [Struck("tag", tag.word) for tag in words.tags if not foils.shows_word(picture, tag.word)]
        struck += [Struck("attribute", tag.word) for tag in words.attributes if not foils.shows_word(picture, tag.word)]
        struck += [Struck("caption", claim) for _, _, claims in checked for claim in claims]
        left = Words(
            tags=tuple(tag for tag in words.tags if foils.shows_word(picture, tag.word)),
            attributes=tuple(tag for tag in words.attributes if foils.shows_word(picture, tag.word)),
            captions=tuple(_merged([(text, claims) for text, claims, _ in checked])),
        )
        return replace(description, words=left, struck=(*description.struck, *dict.fromkeys(struck)))

    def _checked(self, foils: Foils, caption: str, picture: NDArray[np.float32]) -> tuple[str, frozenset[str], list[str]]:
        """What is left of a caption, its claims, and the claims that were struck."""
        phrases = cut(self.known.applied(caption), whole=foils.compound)
        kept = [foils.shows(picture, phrase) for phrase in phrases]
        left = [stands(phrases, kept, index) for index in range(len(phrases))]
        claims = frozenset(folded(phrase.claim) for phrase, stays in zip(phrases, left, strict=True) if stays)
        return join(phrases, kept), claims, [phrase.claim for phrase, stays in zip(phrases, left, strict=True) if not stays]

    def _read_as_named(self, tags: Sequence[Tag]) -> tuple[Tag, ...]:
        """In the station's words; of two that read the same the better stays."""
        best: dict[str, Tag] = {}
        for tag in tags:
            word = self.named.applied(tag.word)
            best.setdefault(folded(word), Tag(word, tag.score))
        return tuple(best.values())


def _merged(captions: Sequence[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """Without those that claim nothing that another one does not claim too; of equals the first stays."""
    for index, (text, claims) in enumerate(captions):
        others = [other for position, (_, other) in enumerate(captions) if (claims < other) or (claims == other and position < index)]
        if text and not others:
            yield text
