"""The texts of the tokens of a language model, and which tokens end an answer."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import llama_cpp

from edge.judges.language_model import load_gguf, model_parameters
from export.errors import LlmError

LINE_BREAK = b"\n"
MAX_PIECE_BYTES = 4096


class Pieces:
    """The vocabulary of a GGUF: a piece of text for each token.

    `size` is the number of tokens, `ends` are those that end a text, `breaks` those with a line break.

    Raises:
        BundleError: llama.cpp cannot read the file.
        LlmError: no token of it ends a text.
    """

    def __init__(self, gguf: Path) -> None:
        parameters = model_parameters(0)
        parameters.vocab_only = True
        weights = load_gguf(gguf, parameters)
        vocabulary = llama_cpp.llama_model_get_vocab(weights.model)
        count = int(llama_cpp.llama_vocab_n_tokens(vocabulary))
        self.size = count
        self._pieces = [_piece(vocabulary, token) for token in range(count)]
        self.ends = tuple(token for token in range(count) if llama_cpp.llama_vocab_is_eog(vocabulary, token))
        self.breaks = tuple(token for token in range(count) if LINE_BREAK in self._pieces[token] and token not in self.ends)
        if not self.ends:
            msg = f"{gguf} has no token that ends a text, so it cannot generate answers: convert the model again"
            raise LlmError(msg)

    def raw(self, token: int) -> bytes:
        """The bytes of one token; none of a control token."""
        return self._pieces[token]

    def text(self, tokens: Sequence[int]) -> str:
        """The first line of some tokens that is not empty; a character that is not whole yet is left out."""
        return b"".join(self._pieces[token] for token in tokens).lstrip().partition(LINE_BREAK)[0].decode(errors="ignore")


def _piece(vocabulary: ctypes.c_void_p, token: int) -> bytes:
    buffer = ctypes.create_string_buffer(MAX_PIECE_BYTES)
    length = llama_cpp.llama_token_to_piece(vocabulary, token, buffer, MAX_PIECE_BYTES, 0, False)  # noqa: FBT003 -- a C function
    return buffer.raw[: max(0, length)]
