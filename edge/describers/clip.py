"""CLIP: embed a picture and find the words of closed vocabularies with the highest cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle
from edge.describers.filter.foils import Foils, read_foils
from edge.describers.vocabulary import PhraseEmbedder, Vocabulary, embed_words, read_vocabulary
from edge.errors import BundleError, DescribeError
from edge.picture.preprocess import pixel_values
from edge.records import Pixels, Placement
from edge.runtime.onnx import open_session
from edge.runtime.placement import placement_of
from firmware_config.board import Board
from firmware_config.describers import Clip
from firmware_config.digest import digest_of_values
from firmware_config.station import Describe


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the vision tower makes of a picture: `image_embeds` float32 (D,), unit length, and `patch_features` float32 (F,).

    `patch_features` is None where the graph does not give them.
    """

    image_embeds: NDArray[np.float32]
    patch_features: NDArray[np.float32] | None


class ClipTagger:
    """Embeds pictures, and holds the vocabularies and the text tower to compare them with."""

    def __init__(self, bundle: Bundle, clip: Clip, *, board: Board) -> None:
        self._bundle, self._clip, self._board = bundle, clip, board
        self._preprocess = clip.preprocess
        self._session = open_session(bundle.file(clip.vision), board)
        self._tags, self._attributes = read_vocabulary(bundle, clip.tags), read_vocabulary(bundle, clip.attributes)
        self._phrase_embedder: PhraseEmbedder | None = None
        given = {output.name for output in self._session.get_outputs()}
        self._outputs = [name for name in ("image_embeds", "patch_features") if name in given]

    @property
    def graph_digest(self) -> str:
        """`sha256:` of the vision graph and the preprocessing: what features of pictures depend on."""
        (sha256,) = (file.sha256 for file in self._bundle.manifest.files if file.path == self._clip.vision)
        return digest_of_values({"graph": sha256, "preprocess": self._preprocess.model_dump(mode="json")})

    def require_features(self) -> None:
        """Refuse a graph that gives no features of patches.

        Raises:
            BundleError: it does not.
        """
        if "patch_features" not in self._outputs:
            msg = f"bundle {self._bundle.manifest.name}: its CLIP gives no patch_features, which a memory of pictures needs: build it again"
            raise BundleError(msg)

    def least_cosine(self, settings: Describe) -> float:
        """The least cosine of a word that is said with these settings.

        Raises:
            BundleError: only true words are asked for, and the bundle does not say from where on a word is true.
        """
        if not settings.only_true:
            return -np.inf
        if self._clip.threshold is None:
            name = self._bundle.manifest.name
            msg = f"[describe] only_true is set, but the CLIP of bundle {name} has no threshold that tells true words: remove the key"
            raise BundleError(msg)
        return self._clip.threshold

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Where the towers run; that for text only if it is loaded."""
        vision = placement_of(self._session, stage="clip")
        return (vision,) if self._phrase_embedder is None else (vision, self._phrase_embedder.placement)

    def vocabularies(self, settings: Describe) -> tuple[Vocabulary, Vocabulary]:
        """Return the vocabularies of tags and of attributes, each with the words that the station adds.

        Raises:
            BundleError: a word that the station adds is already in the bundle's vocabulary or too long for the text tower; the text tower
                cannot be loaded.
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
        """Make the check of words of `vocabularies` and of phrases. It keeps the text tower loaded, once for all stations.

        Raises:
            BundleError: the bundle has no valid foils, or the text tower cannot be loaded.
        """
        foils = read_foils(self._bundle, self._clip)
        self._phrase_embedder = self._phrase_embedder or PhraseEmbedder(self._bundle, self._clip, board=self._board)
        return Foils(vocabularies, foils=foils, embed_phrase=self._phrase_embedder, threshold=self._clip.threshold)

    def see(self, pixels: Pixels) -> Seen:
        """Embed a picture, uint8 (H, W, 3) BGR.

        Raises:
            DescribeError: the graph failed or gave numbers that are not finite.
        """
        try:
            rows = [rows[0] for rows in self._session.run(self._outputs, {"pixel_values": pixel_values(pixels, self._preprocess)})]
        except Exception as err:
            msg = f"CLIP failed on a picture of {pixels.shape[1]}x{pixels.shape[0]} px: {str(err).splitlines()[0][:200]}"
            raise DescribeError(msg) from err
        if not all(np.isfinite(row).all() for row in rows):
            msg = f"CLIP's embedding of a picture of {pixels.shape[1]}x{pixels.shape[0]} px is not finite: verify the bundle"
            raise DescribeError(msg)
        embeds, *features = (np.asarray(row, np.float32) for row in rows)
        return Seen(embeds, features[0] if features else None)


def _extended(vocabulary: Vocabulary, extra: Sequence[str], embeddings: NDArray[np.float32]) -> Vocabulary:
    """Add the words `extra` with their `embeddings`, float32 (len(extra), D)."""
    known = next((word for word in extra if word in vocabulary.words), None)
    if known is not None:
        msg = f"adding words of the station to the vocabulary: {known!r} is already in the bundle's: remove it from the station file"
        raise BundleError(msg)
    return vocabulary.extended(extra, embeddings)
