"""Vision models with tags and attributes from CLIP and captions from a captioner; the describers of all stations share them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol

from edge.describers.clip import ClipTagger
from edge.describers.filter.plain_text import clean
from edge.describers.filter.quality import QualityFilter
from edge.describers.filter.terms import Terms
from edge.records import Description, Frame, Pixels, Words
from firmware_config.station import Describe


class Captioner(Protocol):
    """Generates captions of a picture."""

    stage: str
    """The name of its time in `Description.timings_ms`."""

    def captions(self, pixels: Pixels, settings: Describe) -> tuple[str, ...]:
        """Caption a picture, uint8 (H, W, 3) BGR: the greedy or beam caption first, then the sampled ones. Equal captions are all kept.

        Raises:
            DescribeError: a graph failed or gave numbers that are not finite.
        """


class ClipAndCaptioner:
    """Loaded once for all stations; see `edge.interfaces.VisionModels`."""

    def __init__(self, tagger: ClipTagger, captioner: Captioner | None) -> None:
        self._tagger = tagger
        self._captioner = captioner

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers that the graphs run on, the preferred one first."""
        return self._tagger.providers

    def describer(self, settings: Describe) -> StationDescriber:
        """Make a describer with a station's settings.

        Raises:
            BundleError: a word that the settings add is already in the bundle's vocabulary or too long; the bundle has no valid foils and
                the settings ask for the filter.
        """
        return StationDescriber(self._tagger, self._captioner, settings=settings)


class StationDescriber:
    """Describes pictures with a station's settings; see `edge.interfaces.Describer`."""

    def __init__(self, tagger: ClipTagger, captioner: Captioner | None, *, settings: Describe) -> None:
        self._tagger = tagger
        self._captioner = captioner
        self._settings = settings
        self._tags, self._attributes = tagger.vocabularies(settings)
        self._quality = self._quality_filter()

    def describe(self, frame: Frame) -> Description:
        """Describe a picture.

        Raises:
            DescribeError: a graph failed or gave numbers that are not finite.
        """
        started = time.monotonic()
        image_embeds = self._tagger.image_embeds(frame.pixels)
        tags = self._tags.best(image_embeds, self._settings.tags)
        attributes = self._attributes.best(image_embeds, self._settings.attributes)
        tagged = time.monotonic()
        captions = () if self._captioner is None else tuple(map(clean, self._captioner.captions(frame.pixels, self._settings)))
        captioned = time.monotonic()
        description = Description(Words(tags, attributes, captions))
        if self._quality is not None:
            description = self._quality.filtered(description, image_embeds)
        timings = [("clip", (tagged - started) * 1e3)]
        if self._captioner is not None:
            timings.append((self._captioner.stage, (captioned - tagged) * 1e3))
        if self._settings.filter:
            timings.append(("filter", (time.monotonic() - captioned) * 1e3))
        return replace(description, timings_ms=tuple(timings))

    def _quality_filter(self) -> QualityFilter | None:
        """Make the filter that the settings ask for; None if they ask for neither a check nor terms."""
        settings, vocabularies = self._settings, (self._tags, self._attributes)
        if not settings.filter and not settings.terms:
            return None
        words = {word for vocabulary in vocabularies for word in vocabulary.words}
        foils = self._tagger.foils(vocabularies) if settings.filter else None
        return QualityFilter(foils, bundle_terms=Terms.known_to(words, settings.terms), station_terms=Terms.of(settings.terms))
