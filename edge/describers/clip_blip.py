"""The describer: tags and attributes from CLIP, captions from BLIP."""

from __future__ import annotations

import copy
import time
from dataclasses import replace

from edge.bundle.open import Bundle
from edge.describers.blip import BlipCaptioner
from edge.describers.clip import ClipTagger
from edge.describers.filter.plain_text import clean
from edge.describers.filter.quality import QualityFilter
from edge.describers.filter.terms import Terms
from edge.records import Description, Frame, Words
from firmware_config.board import Board
from firmware_config.station import Describe


class ClipBlipDescriber:
    """Words of a picture; BLIP only if the bundle has one."""

    def __init__(self, bundle: Bundle, *, settings: Describe, board: Board) -> None:
        self._settings = settings
        self._tagger = ClipTagger(bundle, board=board)
        self._tags, self._attributes = self._tagger.vocabularies(settings)
        self._captioner = BlipCaptioner(bundle, settings=settings, board=board) if bundle.manifest.blip else None
        self._quality = self._filter(settings)

    @property
    def providers(self) -> str:
        """The execution providers that the graphs really run on, first first."""
        return ", ".join(self._tagger.providers)

    def for_settings(self, settings: Describe) -> ClipBlipDescriber:
        """A describer with other settings on the same loaded models.

        Raises:
            BundleError: words that the settings add are known already, or too long; the bundle lacks what the filter needs.
        """
        other = copy.copy(self)
        other._settings = settings  # noqa: SLF001 -- a copy of ourselves
        other._tags, other._attributes = self._tagger.vocabularies(settings)  # noqa: SLF001 -- as above
        other._captioner = self._captioner and self._captioner.for_settings(settings)  # noqa: SLF001 -- as above
        other._quality = other._filter(settings)  # noqa: SLF001 -- as above
        return other

    def describe(self, frame: Frame) -> Description:
        """Describe a picture; see `edge.interfaces.Describer`."""
        started = time.monotonic()
        embeds = self._tagger.image_embeds(frame.pixels)
        tags = self._tags.best(embeds, self._settings.tags)
        attributes = self._attributes.best(embeds, self._settings.attributes)
        seen = time.monotonic()
        captions = () if self._captioner is None else tuple(map(clean, self._captioner.captions(frame.pixels)))
        said = time.monotonic()
        description = Description(Words(tags, attributes, captions))
        if self._quality is not None:
            description = self._quality.filtered(description, embeds)
        timings = [("clip", (seen - started) * 1e3), ("blip", (said - seen) * 1e3)]
        if self._settings.filter:
            timings.append(("filter", (time.monotonic() - said) * 1e3))
        return replace(description, timings_ms=tuple(timings))

    def _filter(self, settings: Describe) -> QualityFilter | None:
        if not settings.filter and not settings.terms:
            return None
        vocabularies = (self._tags, self._attributes)
        words = {word for vocabulary in vocabularies for word in vocabulary.words}
        foils = self._tagger.foils(vocabularies) if settings.filter else None
        return QualityFilter(foils, known=Terms.known_to(words, settings.terms), named=Terms.of(settings.terms))
