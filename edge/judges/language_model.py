"""The language model that a label judge asks, on llama.cpp or as a graph, and its vocabulary, which llama.cpp reads for both."""

from __future__ import annotations

import ctypes
import re
import threading
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from edge.bundle.gguf_header import require_sound
from edge.errors import BundleError, JudgeError
from edge.judges.token_tree import END, TokenTree
from firmware_config.verified_file import StoredFile, steady_path

MAX_LABELS = 64
MAX_BATCH = 512
"""Tokens in one decode: the description and the tokens of all labels. The compute buffers grow with it."""

MAX_ROWS = MAX_BATCH // 2
"""Tokens of one decode whose logits are computed; the logits of one are a float32 for each word of the vocabulary."""


class LanguageModel(Protocol):
    """One model, shared by all stations in turn: hold `lock` during `ask`."""

    path: StoredFile
    context_tokens: int
    runs_on: str
    lock: threading.Lock

    def tokenize(self, text: str, *, special: bool = False, begin: bool = False) -> list[int]:
        """See `Vocabulary.tokenize`."""
        ...

    def load_adapter(self, file: StoredFile) -> None:
        """Load a LoRA adapter; a second call for the same file does nothing. Call without `lock`, also while others ask.

        Raises:
            BundleError: the adapter was not made for this model.
        """
        ...

    def prepare(self, prefix: Sequence[int], adapter: StoredFile | None) -> None:
        """Compute a prefix before the first `ask` needs it. Call without `lock`, also while others ask.

        Raises:
            JudgeError: the model failed.
        """
        ...

    def keep_only(self, prefixes: Collection[tuple[StoredFile | None, tuple[int, ...]]]) -> None:
        """Forget every prefix but these (adapter, tokens): those of judges that are gone. Call without `lock`, also while others ask."""
        ...

    def ask(self, prefix: Sequence[int], tree: TokenTree, adapter: StoredFile | None) -> Mapping[int, NDArray[np.float64]]:
        """Log-probabilities in nats of the tokens in `tree.asked`: by row float64 (A,), in their order. Call with `lock` held.

        `prefix` stands before the tree; it is computed once for each adapter and kept.

        Raises:
            JudgeError: the model failed or gave numbers that are not finite.
        """
        ...


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """llama.cpp logs pages to stderr; failures also come back as error codes."""


NO_GPU = (ctypes.c_void_p * 1)(None)
"""An empty list of devices, for llama.cpp."""


def model_parameters(gpu_layers: int) -> llama_cpp.llama_model_params:
    """Parameters for loading a model with `gpu_layers` layers on a GPU.

    With 0 no GPU is opened: a CUDA build would otherwise compute large products on it, and lay the weights out for it.
    """
    parameters = llama_cpp.llama_model_default_params()
    parameters.n_gpu_layers = gpu_layers
    if gpu_layers == 0:
        parameters.devices = ctypes.addressof(NO_GPU)
    elif hasattr(parameters, "load_mode"):
        # To a GPU the weights are copied; a mapping would keep the private copy of the file in memory.
        parameters.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
    else:
        parameters.use_mmap = False  # the same in an older llama-cpp-python
    return parameters


OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
"""What a llama.cpp that can use a GPU logs of a model it has loaded."""


def require_offload(gpu_layers: int) -> None:
    """Refuse layers on a GPU where this llama.cpp knows none: it would compute them on the processor, and only log it.

    Raises:
        BundleError: it cannot use a GPU.
    """
    if gpu_layers != 0 and not llama_cpp.llama_supports_gpu_offload():
        msg = (
            f"loading the language model: the board puts layers on a GPU (llm_gpu_layers = {gpu_layers}), which this llama-cpp-python "
            "cannot use: install one that was built for it (docs/jetson.md), or set llm_gpu_layers = 0 in a board file"
        )
        raise BundleError(msg)


def offloaded(log: str) -> str:
    """Where llama.cpp has put the layers of a model, from what it has logged while loading it."""
    layers = OFFLOADED.search(log)
    return "llama.cpp on CPU" if layers is None or layers[1] == "0" else f"llama.cpp, {layers[1]} of {layers[2]} layers on a GPU"


class Weights:
    """A model that llama.cpp has loaded. Its memory is given back when nothing refers to it any more: a box exchanges bundles for years."""

    def __init__(self, model: llama_cpp.llama_model_p) -> None:
        self.model = model
        # Not at the end of the process: another thread may compute with it until then.
        weakref.finalize(self, llama_cpp.llama_model_free, model).atexit = False


def load_gguf(file: StoredFile, parameters: llama_cpp.llama_model_params, *, on_log: Callable[[str], None] = lambda _text: None) -> Weights:
    """Load a GGUF with llama.cpp; `on_log` is given what it logs meanwhile, in pieces.

    Raises:
        BundleError: the file is damaged, or this llama.cpp does not know the model.
        ManifestError: its content is not what the manifest of its bundle lists.
    """
    listening = llama_cpp.llama_log_callback(lambda _level, text, _data: on_log(text.decode(errors="replace")))
    llama_cpp.llama_log_set(listening, ctypes.c_void_p(0))
    try:
        llama_cpp.llama_backend_init()
        with steady_path(file) as path:
            require_sound(path)
            model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    finally:
        llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
    if not model:
        msg = f"language model {file} cannot be loaded by this llama.cpp: build the bundle again"
        raise BundleError(msg)
    return Weights(model)


class Vocabulary:
    """Text to tokens, and logits to the probabilities of tokens."""

    def __init__(self, weights: Weights) -> None:
        """Read the vocabulary of a loaded model."""
        self._weights = weights  # the vocabulary is a part of it
        self._vocabulary = llama_cpp.llama_model_get_vocab(weights.model)
        self.size = int(llama_cpp.llama_vocab_n_tokens(self._vocabulary))
        line_break = llama_cpp.llama_vocab_nl(self._vocabulary)
        self._ends = [token for token in range(self.size) if llama_cpp.llama_vocab_is_eog(self._vocabulary, token)]
        self._ends += [line_break] if line_break >= 0 else []

    @classmethod
    def of_file(cls, file: StoredFile) -> Vocabulary:
        """Read the vocabulary of a GGUF without loading its weights.

        Raises:
            BundleError: as `load_gguf`.
        """
        parameters = model_parameters(0)
        parameters.vocab_only = True
        return cls(load_gguf(file, parameters))

    def tokenize(self, text: str, *, special: bool = False, begin: bool = False) -> list[int]:
        """Tokenize a text. Control tokens are recognised only with `special`: a description can never hold one.

        `begin` adds the model's begin-of-text token, if it uses one.
        """
        raw = text.encode()
        buffer = (llama_cpp.llama_token * (len(raw) + 8))()
        count = llama_cpp.llama_tokenize(self._vocabulary, raw, len(raw), buffer, len(buffer), begin, special)
        return list(buffer[:count])

    def log_probabilities(self, logits: NDArray[np.float32], asked: Sequence[int]) -> NDArray[np.float64]:
        """Log-probabilities in nats, float64 (A,), of the A tokens `asked` (`END` may be one) from the logits float32 (V,) of one row.

        Raises:
            JudgeError: a logit is not finite.
        """
        if not np.isfinite(logits).all():
            msg = "the language model gave logits that are not finite: verify the bundle"
            raise JudgeError(msg)
        top = logits.max()
        total = np.exp(logits - top).sum(dtype=np.float64)
        chosen = [
            np.logaddexp.reduce(logits[self._ends].astype(np.float64)) if token == END else np.float64(logits[token]) for token in asked
        ]
        return np.asarray(np.array(chosen) - np.float64(top) - np.log(total))
