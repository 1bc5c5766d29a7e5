"""Closed vocabularies: words beside their embeddings, and new words read by the bundle's own text tower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edge.bundle.open import Bundle
from edge.errors import BundleError
from edge.records import Tag
from edge.runtime.onnx import open_session
from firmware_config.board import Board
from firmware_config.describers import Clip, VocabularyFiles

SCORE_DIGITS = 4
"""Digits of a cosine: rounded, so that words and their order do not depend on the last bit of a kernel."""

REMEMBERED = 8_192
"""Phrases whose embeddings are kept, 16 MB of 512 numbers each; captions repeat themselves, so that few more are ever read."""

BATCH = 64
"""Phrases that the text tower reads at once."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A vocabulary: `words` and their `embeddings`, float32 (N, D), unit length."""

    words: tuple[str, ...]
    embeddings: NDArray[np.float32]

    def best(self, image_embeds: NDArray[np.float32], count: int) -> tuple[Tag, ...]:
        """The `count` words of the highest cosine with `image_embeds` (D,), best first, ties in the vocabulary's order."""
        cosines = np.round((self.embeddings @ image_embeds).astype(np.float64), SCORE_DIGITS)
        order = np.argsort(-cosines, kind="stable")[:count]
        return tuple(Tag(self.words[index], float(cosines[index])) for index in order)

    def with_more(self, words: Sequence[str], embeddings: NDArray[np.float32]) -> Vocabulary:
        """A vocabulary with more words behind its own."""
        return Vocabulary((*self.words, *words), np.concatenate([self.embeddings, embeddings]))


def read_vocabulary(bundle: Bundle, files: VocabularyFiles) -> Vocabulary:
    """Read a vocabulary of the bundle.

    Raises:
        BundleError: words and embeddings do not belong together.
    """
    words = tuple(bundle.path(files.words).read_text(encoding="utf-8").splitlines())
    embeddings = np.load(bundle.path(files.embeddings), allow_pickle=False)
    if embeddings.dtype != np.float32 or embeddings.ndim != 2 or len(embeddings) != len(words) or not words:
        msg = (
            f"vocabulary {files.words} has {len(words)} words, but {files.embeddings} is {embeddings.dtype} "
            f"{embeddings.shape}, expected float32 ({len(words)}, D): build the bundle again"
        )
        raise BundleError(msg)
    return Vocabulary(words, embeddings)


def embed_words(bundle: Bundle, clip: Clip, words: Sequence[str], *, board: Board) -> NDArray[np.float32]:
    """Embeddings of new words as the bundle's own were made, float32 (len(words), D); the text tower is open only meanwhile.

    Raises:
        BundleError: the text tower cannot be loaded, or a phrase is longer than it can read.
    """
    session = open_session(bundle.path(clip.text), board)
    tokenizer = Tokenizer.from_file(str(bundle.path(clip.tokenizer)))
    reading = {"context_tokens": clip.context_tokens, "pad_token_id": clip.pad_token_id}
    return embed(session, tokenizer, words, prompts=clip.prompts, **reading)


class PhraseReader:
    """Embeds phrases as they come, by the bundle's text tower: the same phrase is read once."""

    def __init__(self, bundle: Bundle, clip: Clip, *, board: Board) -> None:
        self._clip = clip
        self._session = open_session(bundle.path(self._clip.text), board)
        self._tokenizer = Tokenizer.from_file(str(bundle.path(self._clip.tokenizer)))
        self._read: dict[str, NDArray[np.float32] | None] = {}

    def __call__(self, phrase: str) -> NDArray[np.float32] | None:
        """The embedding, float32 (D,), unit length; None where the phrase is longer than the tower can read.

        One phrase at a time: a dynamic int8 graph has one scale for a batch, so that the last digits would depend on the rest of the batch.
        """
        if phrase not in self._read:
            if len(self._read) >= REMEMBERED:
                self._read.clear()
            clip = self._clip
            reading = {"context_tokens": clip.context_tokens, "pad_token_id": clip.pad_token_id}
            longest = max(len(self._tokenizer.encode(prompt.replace("{}", phrase)).ids) for prompt in clip.prompts)
            fits = longest <= clip.context_tokens
            self._read[phrase] = embed(self._session, self._tokenizer, [phrase], prompts=clip.prompts, **reading)[0] if fits else None
        return self._read[phrase]


def embed(
    session: ort.InferenceSession,
    tokenizer: Tokenizer,
    words: Sequence[str],
    *,
    prompts: Sequence[str],
    context_tokens: int,
    pad_token_id: int,
) -> NDArray[np.float32]:
    """Embeddings of unit length, float32 (len(words), D): of each word the mean over the prompts, such as "a photo of {}".

    Raises:
        BundleError: a phrase is longer than the text tower can read.
    """
    masked = "attention_mask" in {node.name for node in session.get_inputs()}  # SigLIP was trained without one
    phrases = [prompt.replace("{}", word) for word in words for prompt in prompts]
    rows = []
    for start in range(0, len(phrases), BATCH):
        ids = np.full((len(phrases[start : start + BATCH]), context_tokens), pad_token_id, np.int64)
        mask = np.zeros_like(ids)
        for row, phrase in enumerate(phrases[start : start + BATCH]):
            found = tokenizer.encode(phrase).ids
            if len(found) > context_tokens:
                msg = f"the phrase {phrase!r} has {len(found)} tokens and the text tower reads {context_tokens}: shorten it"
                raise BundleError(msg)
            ids[row, : len(found)], mask[row, : len(found)] = found, 1
        rows.append(session.run(["text_embeds"], {"input_ids": ids} | ({"attention_mask": mask} if masked else {}))[0])
    mean = np.concatenate(rows).reshape(len(words), len(prompts), -1).mean(1)
    return np.asarray(mean / np.linalg.norm(mean, axis=-1, keepdims=True), np.float32)
