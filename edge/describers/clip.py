"""CLIP: the words of closed vocabularies that fit a picture best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edge.bundles import Bundle
from edge.describers.session import open_session
from edge.errors import BundleError, DescribeError
from edge.picture.preprocess import pixel_values
from edge.records import Pixels, Tag
from firmware_config.board import Board
from firmware_config.bundle import Vocabulary

SCORE_DIGITS = 4
"""Cosines are rounded so that words and their order do not hang on the last bit of a kernel."""


@dataclass(frozen=True, slots=True)
class Words:
    """A vocabulary: `words` and their `embeddings`, float32 (N, D), unit length."""

    words: tuple[str, ...]
    embeddings: NDArray[np.float32]

    def best(self, image_embeds: NDArray[np.float32], count: int) -> tuple[Tag, ...]:
        """The `count` words of the highest cosine with `image_embeds` (D,), best first, ties in the vocabulary's order."""
        cosines = np.round((self.embeddings @ image_embeds).astype(np.float64), SCORE_DIGITS)
        order = np.argsort(-cosines, kind="stable")[:count]
        return tuple(Tag(self.words[index], float(cosines[index])) for index in order)


class ClipTagger:
    """Tags and attributes from one look at the picture."""

    def __init__(self, bundle: Bundle, *, board: Board) -> None:
        clip = bundle.manifest.clip
        self._preprocess = clip.preprocess
        self._session = open_session(bundle.path(clip.vision), board)
        self.tags = read_words(bundle, clip.tags)
        self.attributes = read_words(bundle, clip.attributes)

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers that the graph really runs on."""
        return tuple(self._session.get_providers())

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


class TextEncoder:
    """Embeddings of new words, so that a handful can be added on site."""

    def __init__(self, bundle: Bundle, *, board: Board) -> None:
        clip = bundle.manifest.clip
        self._session = open_session(bundle.path(clip.text), board)
        self._tokenizer = Tokenizer.from_file(str(bundle.path(clip.tokenizer)))
        self._tokenizer.enable_truncation(clip.context_tokens)
        self._tokenizer.enable_padding(length=clip.context_tokens, pad_id=clip.pad_token_id)
        # SigLIP was trained without a mask.
        self._masked = "attention_mask" in {node.name for node in self._session.get_inputs()}

    def text_embeds(self, phrases: tuple[str, ...]) -> NDArray[np.float32]:
        """Unit embeddings float32 (len(phrases), D)."""
        encoded = self._tokenizer.encode_batch(list(phrases))
        inputs = {"input_ids": np.array([row.ids for row in encoded], np.int64)}
        if self._masked:
            inputs["attention_mask"] = np.array([row.attention_mask for row in encoded], np.int64)
        return np.asarray(self._session.run(["text_embeds"], inputs)[0], np.float32)


def read_words(bundle: Bundle, vocabulary: Vocabulary) -> Words:
    """Read a vocabulary of the bundle.

    Raises:
        BundleError: words and embeddings do not belong together.
    """
    words = tuple(bundle.path(vocabulary.words).read_text(encoding="utf-8").splitlines())
    embeddings = np.load(bundle.path(vocabulary.embeddings), allow_pickle=False)
    if embeddings.dtype != np.float32 or embeddings.ndim != 2 or len(embeddings) != len(words) or not words:
        msg = (
            f"vocabulary {vocabulary.words} has {len(words)} words, but {vocabulary.embeddings} is {embeddings.dtype} "
            f"{embeddings.shape}, expected float32 ({len(words)}, D): build the bundle anew"
        )
        raise BundleError(msg)
    return Words(words, embeddings)
