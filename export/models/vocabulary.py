"""Vocabularies: files of words, and their embeddings by a text tower.

A `.txt` file holds one word or phrase a line. A `.tsv` file holds a word, a tab, and its Japanese translation; lines that begin with `#`
are headings. A word may not repeat: it would appear twice in a description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edge.describers.vocabulary import embed
from edge.errors import BundleError
from export.errors import SpecError
from firmware_config.regular_file import read_limited

MAX_VOCABULARY_BYTES = 10_000_000
"""Some hundred thousand words."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A word and its Japanese translation, "" if there is none."""

    word: str
    translation: str


def read_vocabulary(path: Path) -> tuple[Entry, ...]:
    """Read one file of words.

    Raises:
        SpecError: the file cannot be read or holds no word, or a line has no word or repeats one.
    """
    try:
        lines = read_limited(path, MAX_VOCABULARY_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError) as err:
        msg = f"vocabulary {path} cannot be read ({err}): give a UTF-8 text file with one word a line"
        raise SpecError(msg) from err
    entries: dict[str, Entry] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, _, translation = (part.strip() for part in line.partition("\t"))
        if not word:
            msg = f"vocabulary {path}, line {number}: a translation without a word: write the word, a tab, the translation"
            raise SpecError(msg)
        if word in entries:
            msg = f"vocabulary {path}, line {number}: {word!r} is there twice: keep one"
            raise SpecError(msg)
        entries[word] = Entry(word, translation)
    if not entries:
        msg = f"vocabulary {path} holds no word: write one a line"
        raise SpecError(msg)
    return tuple(entries.values())


def merged(paths: Sequence[Path]) -> tuple[Entry, ...]:
    """The words of several files, in their order.

    Raises:
        SpecError: a file is wrong (see `read_vocabulary`), or two files hold the same word.
    """
    found: dict[str, Path] = {}
    entries: list[Entry] = []
    for path in paths:
        for entry in read_vocabulary(path):
            if entry.word in found:
                msg = f"vocabulary {path}: {entry.word!r} is also in {found[entry.word]}: keep one"
                raise SpecError(msg)
            found[entry.word] = path
            entries.append(entry)
    return tuple(entries)


def embeddings(
    graph: Path, tokenizer: Tokenizer, words: Sequence[str], *, prompts: Sequence[str], context_tokens: int, pad_token_id: int
) -> NDArray[np.float32]:
    """Embeddings of words, float32 (len(words), D) of unit length, by the device's own code.

    Raises:
        SpecError: a phrase is longer than the text tower can read.
    """
    session = ort.InferenceSession(str(graph))
    try:
        return embed(session, tokenizer, words, prompts=prompts, context_tokens=context_tokens, pad_token_id=pad_token_id)
    except BundleError as err:
        raise SpecError(str(err)) from err
