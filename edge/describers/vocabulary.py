"""Closed vocabularies of words with their embeddings, and embeddings of new words and phrases by the bundle's text tower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edge.bundle.open import Bundle
from edge.describers.embeddings import MAX_EMBEDDINGS_BYTES, embeddings_of
from edge.describers.tokenizer import read_tokenizer
from edge.errors import BundleError
from edge.records import Placement, Tag
from edge.runtime.onnx import open_session
from edge.runtime.placement import placement_of
from firmware_config.board import Board
from firmware_config.describers import Clip, VocabularyFiles
from firmware_config.verified_file import content_of

SCORE_DIGITS = 4
"""Decimal digits of a cosine. Rounding keeps words and their order independent of the last bits, which differ between kernels."""

CACHED_PHRASES = 8_192
"""Phrases in a cache: 16 MB of embeddings of 512 float32. Captions repeat their phrases, so the cache seldom fills."""

BATCH = 64
"""Phrases in one run of the text tower."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`words` and their `embeddings`, float32 (N, D), rows of unit length in the order of words."""

    words: tuple[str, ...]
    embeddings: NDArray[np.float32]

    def best(self, image_embeds: NDArray[np.float32], count: int, *, least: float = -np.inf) -> tuple[Tag, ...]:
        """Return the `count` words with the highest cosine to `image_embeds`, float32 (D,), best first; ties in the vocabulary's order.

        Words with a cosine below `least` are left out, but for the best one: a picture is never without a word.
        """
        cosines = np.round((self.embeddings @ image_embeds).astype(np.float64), SCORE_DIGITS)
        order = np.argsort(-cosines, kind="stable")[:count]
        return tuple(Tag(self.words[index], float(cosines[index])) for index in order if cosines[index] >= least or index == order[0])

    def extended(self, words: Sequence[str], embeddings: NDArray[np.float32]) -> Vocabulary:
        """Return a vocabulary with `words` and their `embeddings`, float32 (len(words), D), after its own."""
        return Vocabulary((*self.words, *words), np.concatenate([self.embeddings, embeddings]))


def read_vocabulary(bundle: Bundle, files: VocabularyFiles) -> Vocabulary:
    """Read a vocabulary of the bundle.

    Raises:
        BundleError: there are no words, or the embeddings are not float32 with one row for each word.
    """
    words = tuple(bundle.text(files.words).splitlines())
    try:
        embeddings = embeddings_of(content_of(bundle.file(files.embeddings), limit=MAX_EMBEDDINGS_BYTES), rows=len(words))
    except (OSError, ValueError) as err:
        msg = (
            f"reading vocabulary {files.words}: it has {len(words)} words and {files.embeddings} is {err}, "
            f"expected at least one word and float32 ({len(words)}, D): build the bundle again"
        )
        raise BundleError(msg) from err
    return Vocabulary(words, embeddings)


def embed_words(bundle: Bundle, clip: Clip, words: Sequence[str], *, board: Board) -> NDArray[np.float32]:
    """Embed words in the way the bundle's own were; returns float32 (len(words), D), unit length. The text tower is unloaded at the end.

    Raises:
        BundleError: the text tower cannot be loaded, or a word in its prompt has more tokens than clip.context_tokens.
    """
    session = open_session(bundle.file(clip.text), board)
    tokenizer = read_tokenizer(bundle, clip.tokenizer)
    reading = {"context_tokens": clip.context_tokens, "pad_token_id": clip.pad_token_id}
    return embed(session, tokenizer, words, prompts=clip.prompts, **reading)


class PhraseEmbedder:
    """Embeds phrases with the bundle's text tower, and caches the embeddings."""

    def __init__(self, bundle: Bundle, clip: Clip, *, board: Board) -> None:
        self._clip = clip
        self._session = open_session(bundle.file(clip.text), board)
        self._tokenizer = read_tokenizer(bundle, clip.tokenizer)
        self._cache: dict[str, NDArray[np.float32] | None] = {}

    @property
    def placement(self) -> Placement:
        """Where the text tower runs."""
        return placement_of(self._session, stage="filter")

    def __call__(self, phrase: str) -> NDArray[np.float32] | None:
        """Embed a phrase; returns float32 (D,), unit length, or None if the phrase has more tokens than clip.context_tokens.

        Each phrase is run alone. A dynamic int8 graph has one scale for a batch, so the last digits would depend on the rest of the batch.
        """
        if phrase not in self._cache:
            if len(self._cache) >= CACHED_PHRASES:
                self._cache.clear()
            clip = self._clip
            reading = {"context_tokens": clip.context_tokens, "pad_token_id": clip.pad_token_id}
            longest = max(len(self._tokenizer.encode(prompt.replace("{}", phrase)).ids) for prompt in clip.prompts)
            fits = longest <= clip.context_tokens
            self._cache[phrase] = embed(self._session, self._tokenizer, [phrase], prompts=clip.prompts, **reading)[0] if fits else None
        return self._cache[phrase]


def embed(
    session: ort.InferenceSession,
    tokenizer: Tokenizer,
    words: Sequence[str],
    *,
    prompts: Sequence[str],
    context_tokens: int,
    pad_token_id: int,
) -> NDArray[np.float32]:
    """Embed words: for each the mean over the prompts, such as "a photo of {}"; returns float32 (len(words), D), unit length.

    Raises:
        BundleError: a word in its prompt has more than `context_tokens` tokens.
    """
    has_mask = "attention_mask" in {node.name for node in session.get_inputs()}  # SigLIP was trained without a mask
    phrases = [prompt.replace("{}", word) for word in words for prompt in prompts]
    rows = []
    for start in range(0, len(phrases), BATCH):
        ids = np.full((len(phrases[start : start + BATCH]), context_tokens), pad_token_id, np.int64)
        mask = np.zeros_like(ids)
        for row, phrase in enumerate(phrases[start : start + BATCH]):
            tokens = tokenizer.encode(phrase).ids
            if len(tokens) > context_tokens:
                msg = f"embedding {phrase!r}: it has {len(tokens)} tokens, the text tower takes at most {context_tokens}: shorten it"
                raise BundleError(msg)
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        rows.append(session.run(["text_embeds"], {"input_ids": ids} | ({"attention_mask": mask} if has_mask else {}))[0])
    mean = np.concatenate(rows).reshape(len(words), len(prompts), -1).mean(1)
    return np.asarray(mean / np.linalg.norm(mean, axis=-1, keepdims=True), np.float32)
