"""Vision models with tags and attributes from CLIP and captions from a captioner; the describers of all stations share them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.describers.clip import ClipTagger
from edge.describers.filter.plain_text import clean
from edge.describers.filter.quality import QualityFilter
from edge.describers.filter.terms import Terms
from edge.errors import FamiliarityError
from edge.interfaces import PictureMemory
from edge.records import Description, Frame, Pixels, Placement, Words
from firmware_config.station import Describe


class Captioner(Protocol):
    """Generates captions of a picture."""

    stage: str
    """The name of its time in `Description.timings_ms`."""

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Where its graphs run; empty where it has none."""

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
    def placements(self) -> tuple[Placement, ...]:
        """See `edge.interfaces.VisionModels.placements`."""
        return (*self._tagger.placements, *(() if self._captioner is None else self._captioner.placements))

    @property
    def graph_digest(self) -> str:
        """`sha256:` of what `features` depends on."""
        return self._tagger.graph_digest

    def features(self, pixels: Pixels) -> NDArray[np.float32]:
        """The features of a picture, uint8 (H, W, 3) BGR, for a memory of known pictures: float32 (F,).

        Raises:
            BundleError: the bundle's CLIP gives none.
            DescribeError: the graph failed or gave numbers that are not finite.
        """
        self._tagger.require_features()
        found = self._tagger.see(pixels).patch_features
        assert found is not None  # noqa: S101 -- for mypy: required above
        return found

    def describer(self, settings: Describe, memory: PictureMemory | None = None) -> StationDescriber:
        """Make a describer with a station's settings; with a memory it also says how familiar a picture is.

        Raises:
            BundleError: a word that the settings add is already in the bundle's vocabulary or too long; the bundle has no valid foils and
                the settings ask for the filter; its CLIP gives no features for a memory.
            FamiliarityError: the memory was learned with another CLIP, or the settings ask for measured words and it measures nothing.
        """
        if memory is not None:
            self._tagger.require_features()
            if memory.graph != self._tagger.graph_digest:
                msg = (
                    f"the memory of known pictures was learned with CLIP {memory.graph}, the bundle has {self._tagger.graph_digest}: "
                    "make it again with `kotoba-edge measure`"
                )
                raise FamiliarityError(msg)
        if settings.measured and (memory is None or not memory.can_measure):
            msg = (
                f"[describe] measured is set, but {'the station has no memory' if memory is None else 'the memory of the station'} "
                f"{'of known pictures' if memory is None else 'measures nothing'}: make one with `kotoba-edge measure`"
            )
            raise FamiliarityError(msg)
        return StationDescriber(self._tagger, self._captioner, settings=settings, memory=memory)


class StationDescriber:
    """Describes pictures with a station's settings; see `edge.interfaces.Describer`."""

    def __init__(self, tagger: ClipTagger, captioner: Captioner | None, *, settings: Describe, memory: PictureMemory | None = None) -> None:
        self._tagger = tagger
        self._captioner = captioner
        self._settings = settings
        self._memory = memory
        self._tags, self._attributes = tagger.vocabularies(settings)
        self._least = tagger.least_cosine(settings)
        self._quality = self._quality_filter()

    def describe(self, frame: Frame) -> Description:
        """Describe a picture.

        Raises:
            DescribeError: a graph failed or gave numbers that are not finite.
        """
        started = time.monotonic()
        seen = self._tagger.see(frame.pixels)
        tags = self._tags.best(seen.image_embeds, self._settings.tags, least=self._least)
        attributes = self._attributes.best(seen.image_embeds, self._settings.attributes, least=self._least)
        familiarity = None
        if self._memory is not None and seen.patch_features is not None:
            familiarity = self._memory.familiarity(seen.patch_features)
        tagged = time.monotonic()
        captions = () if self._captioner is None else tuple(map(clean, self._captioner.captions(frame.pixels, self._settings)))
        captioned = time.monotonic()
        measuring = self._settings.measured
        measured = self._memory.measured_words(frame.pixels, measuring) if self._memory is not None and measuring else ()
        measured_at = time.monotonic()
        description = Description(Words(tags, attributes, captions, measured), familiarity=familiarity)
        if self._quality is not None:
            description = self._quality.filtered(description, seen.image_embeds)
        timings = [("clip", (tagged - started) * 1e3)]
        if self._captioner is not None:
            timings.append((self._captioner.stage, (captioned - tagged) * 1e3))
        if self._settings.measured:
            timings.append(("measures", (measured_at - captioned) * 1e3))
        if self._settings.filter:
            timings.append(("filter", (time.monotonic() - measured_at) * 1e3))
        return replace(description, timings_ms=tuple(timings))

    def _quality_filter(self) -> QualityFilter | None:
        """Make the filter that the settings ask for; None if they ask for neither a check nor terms."""
        settings, vocabularies = self._settings, (self._tags, self._attributes)
        if not settings.filter and not settings.terms:
            return None
        words = {word for vocabulary in vocabularies for word in vocabulary.words}
        foils = self._tagger.foils(vocabularies) if settings.filter else None
        return QualityFilter(foils, bundle_terms=Terms.known_to(words, settings.terms), station_terms=Terms.of(settings.terms))
