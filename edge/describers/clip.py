"""CLIP: the words of closed vocabularies that fit a picture best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle
from edge.describers.filter.foils import Foils, read_foils
from edge.describers.vocabulary import PhraseReader, Vocabulary, embed_words, read_vocabulary
from edge.errors import BundleError, DescribeError
from edge.picture.preprocess import pixel_values
from edge.records import Pixels
from edge.runtime.onnx import open_session
from firmware_config.board import Board
from firmware_config.describers import Clip
from firmware_config.station import Describe


class ClipTagger:
    """One look at the picture, and the vocabularies to compare it with."""

    def __init__(self, bundle: Bundle, clip: Clip, *, board: Board) -> None:
        self._bundle, self._clip, self._board = bundle, clip, board
        self._preprocess = clip.preprocess
        self._session = open_session(bundle.path(clip.vision), board)
        self._tags, self._attributes = read_vocabulary(bundle, clip.tags), read_vocabulary(bundle, clip.attributes)
        self._reader: PhraseReader | None = None

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers that the graph really runs on."""
        return tuple(self._session.get_providers())

    def vocabularies(self, settings: Describe) -> tuple[Vocabulary, Vocabulary]:
        """Tags and attributes, with the words that the station adds.

        Raises:
            BundleError: a word is in the bundle's vocabulary already, or too long for the text tower.
        """
        extra = (*settings.extra_tags, *settings.extra_attributes)
        if not extra:
            return self._tags, self._attributes
        embeddings = embed_words(self._bundle, self._clip, extra, board=self._board)
        count = len(settings.extra_tags)
        return (
            _extended(self._tags, settings.extra_tags, embeddings[:count]),
            _extended(self._attributes, settings.extra_attributes, embeddings[count:]),
        )

    def foils(self, vocabularies: tuple[Vocabulary, Vocabulary]) -> Foils:
        """What checks words of `vocabularies`, and phrases, against a picture; the text tower stays open for it, once for all stations.

        Raises:
            BundleError: the bundle does not say which words exclude each other.
        """
        foils = read_foils(self._bundle, self._clip)
        self._reader = self._reader or PhraseReader(self._bundle, self._clip, board=self._board)
        return Foils(vocabularies, foils=foils, read=self._reader, threshold=self._clip.threshold)

    def image_embeds(self, pixels: Pixels) -> NDArray[np.float32]:
        """The picture's embedding, float32 (D,), unit length.

        Raises:
            DescribeError: the graph failed or gave numbers that are not finite.
        """
        try:
            embeds = self._session.run(["image_embeds"], {"pixel_values": pixel_values(pixels, self._preprocess)})[0][0]
        except Exception as err:
            msg = f"CLIP failed on a picture of {pixels.shape[1]}x{pixels.shape[0]}: {str(err).splitlines()[0][:200]}"
            raise DescribeError(msg) from err
        if not np.isfinite(embeds).all():
            msg = f"CLIP gave an embedding that is not finite for a picture of {pixels.shape[1]}x{pixels.shape[0]}: verify the bundle"
            raise DescribeError(msg)
        return np.asarray(embeds, np.float32)


def _extended(vocabulary: Vocabulary, extra: Sequence[str], embeddings: NDArray[np.float32]) -> Vocabulary:
    known = next((word for word in extra if word in vocabulary.words), None)
    if known is not None:
        msg = f"the word {known!r}, which the station adds, is in the bundle's vocabulary already: take it out of the station file"
        raise BundleError(msg)
    return vocabulary.with_more(extra, embeddings)
