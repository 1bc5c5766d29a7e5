"""What judges need of a language model, whatever computes it, and its vocabulary, which llama.cpp reads from the GGUF for all."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from edge.bundle.gguf_header import require_sound
from edge.errors import BundleError, JudgeError
from edge.judges.token_tree import END, TokenTree

MAX_LABELS = 64
MAX_BATCH = 512
"""Tokens in one decode: description and label tails; the compute buffers grow with it."""

MAX_ROWS = MAX_BATCH // 2
"""Tokens of one decode after which logits are wanted: a row of them is a float32 for each word of the vocabulary."""


class LanguageModel(Protocol):
    """One model, shared by all stations, which take turns: hold `lock` while asking."""

    path: Path
    context_tokens: int
    runs_on: str
    lock: threading.Lock

    def tokenize(self, text: str, *, special: bool = False, begin: bool = False) -> list[int]:
        """See `Vocabulary.tokenize`."""
        ...

    def load_adapter(self, path: Path) -> None:
        """Load a LoRA once.

        Raises:
            BundleError: it does not belong to this model.
        """
        ...

    def ask(self, prefix: Sequence[int], tree: TokenTree, adapter: Path | None) -> Mapping[int, NDArray[np.float64]]:
        """Log-probability in nats of each token that the tree asks for, by row, after prefix and stem. Call with `lock` held.

        Raises:
            JudgeError: the model failed or gave numbers that are not finite.
        """
        ...


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """llama.cpp writes pages to stderr; what matters comes back as an error code."""


NO_CARD = (ctypes.c_void_p * 1)(None)


def model_parameters(gpu_layers: int) -> llama_cpp.llama_model_params:
    """llama.cpp's own, with so many layers on a card.

    Without any, no card is opened: a CUDA build else takes large products to it, and lays the weights out for it.
    """
    parameters = llama_cpp.llama_model_default_params()
    parameters.n_gpu_layers = gpu_layers
    if gpu_layers == 0:
        parameters.devices = ctypes.addressof(NO_CARD)
    return parameters


def load_gguf(path: Path, parameters: llama_cpp.llama_model_params) -> llama_cpp.llama_model_p:
    """Have llama.cpp load a GGUF.

    Raises:
        BundleError: it cannot.
    """
    require_sound(path)
    llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        msg = f"language model {path} cannot be loaded by this llama.cpp: build the bundle anew"
        raise BundleError(msg)
    return model


class Vocabulary:
    """Text to tokens, and logits to the probabilities of tokens."""

    def __init__(self, model: llama_cpp.llama_model_p) -> None:
        """`model` lives as long as what is made of it: llama.cpp frees nothing by itself."""
        self._vocabulary = llama_cpp.llama_model_get_vocab(model)
        self.size = int(llama_cpp.llama_vocab_n_tokens(self._vocabulary))
        line_break = llama_cpp.llama_vocab_nl(self._vocabulary)
        self._ends = [token for token in range(self.size) if llama_cpp.llama_vocab_is_eog(self._vocabulary, token)]
        self._ends += [line_break] if line_break >= 0 else []

    @classmethod
    def of_file(cls, path: Path) -> Vocabulary:
        """The vocabulary of a GGUF without its weights.

        Raises:
            BundleError: llama.cpp cannot load it.
        """
        parameters = model_parameters(0)
        parameters.vocab_only = True
        return cls(load_gguf(path, parameters))

    def tokenize(self, text: str, *, special: bool = False, begin: bool = False) -> list[int]:
        """Token ids; control tokens are understood only with `special`, so that a description can never hold one.

        `begin` puts before it what the model wants at the begin of a text, if anything.
        """
        raw = text.encode()
        buffer = (llama_cpp.llama_token * (len(raw) + 8))()
        count = llama_cpp.llama_tokenize(self._vocabulary, raw, len(raw), buffer, len(buffer), begin, special)
        return list(buffer[:count])

    def log_probabilities(self, logits: NDArray[np.float32], asked: Sequence[int]) -> NDArray[np.float64]:
        """In nats, of the tokens `asked`, `END` among them, by the logits (V,) of one row.

        Raises:
            JudgeError: they are not finite.
        """
        if not np.isfinite(logits).all():
            msg = "the language model gave logits that are not finite: verify the bundle"
            raise JudgeError(msg)
        top = logits.max()
        total = np.exp(logits - top).sum(dtype=np.float64)
        wanted = [
            np.logaddexp.reduce(logits[self._ends].astype(np.float64)) if token == END else np.float64(logits[token]) for token in asked
        ]
        return np.asarray(np.array(wanted) - np.float64(top) - np.log(total))
