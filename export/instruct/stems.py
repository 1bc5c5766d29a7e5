"""Descriptions as tokens, as the box makes them."""

from __future__ import annotations

from dataclasses import replace

from edge.errors import JudgeError
from edge.judges.language_model import MAX_BATCH, Vocabulary
from edge.judges.token_tree import end_prefixes
from edge.records import Words
from export.instruct.form import Form
from export.instruct.kept_rows import Tokens

CONTEXT_TOKENS = 2048
"""Of a graph that is written here; the longest prefix and description together."""


class Stems:
    """A form in tokens: `prefix`, the stem of a description (with the text after it), `answers` and the stem without content, `empty`.

    An answer that is the start of another one ends with `edge.judges.token_tree.END`.
    """

    def __init__(self, vocabulary: Vocabulary, form: Form) -> None:
        self._vocabulary, self._form = vocabulary, form
        self.prefix: Tokens = tuple(vocabulary.tokenize(form.prompt.prefix, special=True, begin=True))
        self._suffix = vocabulary.tokenize(form.prompt.suffix, special=True)
        self.answers: tuple[Tokens, ...] = tuple(map(tuple, end_prefixes([vocabulary.tokenize(one) for one in form.prompt.answers])))
        self.empty: Tokens = (*vocabulary.tokenize(form.empty), *self._suffix)
        self._room = min(MAX_BATCH, CONTEXT_TOKENS - len(self.prefix)) - sum(len(answer) for answer in self.answers)

    def of(self, words: Words) -> Tokens:
        """The stem of a description; one that is too long loses its last captions.

        Raises:
            JudgeError: it is too long without captions.
        """
        for captions in range(len(words.captions), -1, -1):
            text = self._form.text(replace(words, captions=words.captions[:captions]))
            stem = (*self._vocabulary.tokenize(text), *self._suffix)
            if len(stem) <= self._room:
                return stem
        msg = f"judging a description: tags and attributes alone are {len(stem)} tokens, at most {self._room} fit: describe with fewer tags"
        raise JudgeError(msg)
