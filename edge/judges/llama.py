"""A language model on llama.cpp, on a CPU or a GPU, with weights as its GGUF has them.

All labels are scored in one decode: each token belongs to the sequences of some labels (as in llama.cpp's `hellaswag_score`).
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Collection, Sequence

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from edge.bundle.gguf_header import require_sound
from edge.errors import BundleError, JudgeError
from edge.judges.language_model import MAX_BATCH, MAX_LABELS, MAX_ROWS, Vocabulary, Weights, load_gguf, model_parameters, offloaded
from edge.judges.token_tree import TokenTree
from edge.runtime.threads import threads_of
from firmware_config.board import Board
from firmware_config.verified_file import StoredFile, steady_path


class LlamaModel:
    """One model with one context; see `edge.judges.language_model.LanguageModel`.

    Raises:
        BundleError: llama.cpp cannot load the model, or cannot make a context of `context_tokens` tokens.
    """

    def __init__(self, file: StoredFile, *, board: Board, context_tokens: int) -> None:
        self.path = file
        logged: list[str] = []
        weights = load_gguf(file, model_parameters(board.llm_gpu_layers), on_log=logged.append)
        self._model = weights.model
        context = llama_cpp.llama_context_default_params()
        context.n_ctx = context_tokens
        context.n_batch = context.n_ubatch = MAX_BATCH
        context.n_seq_max = MAX_LABELS + 1
        # One cache for all sequences: without it they cannot share a prefix (llama.cpp #18117).
        context.kv_unified = True
        context.n_outputs_max = MAX_ROWS
        context.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        context.n_threads = context.n_threads_batch = threads_of(board)
        self._context = llama_cpp.llama_init_from_model(self._model, context)
        if not self._context:
            msg = f"language model {file}: a context of {context_tokens} tokens cannot be made: lower llm.context_tokens or free memory"
            raise BundleError(msg)
        weakref.finalize(self, _free, self._context, weights).atexit = False
        self._vocabulary = Vocabulary(weights)
        self.tokenize = self._vocabulary.tokenize
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._adapters: dict[StoredFile, ctypes.c_void_p] = {}
        self._saved: dict[tuple[StoredFile | None, tuple[int, ...]], ctypes.Array[ctypes.c_uint8]] = {}
        self._current: tuple[StoredFile | None, tuple[int, ...]] | None = None
        self.context_tokens = context_tokens
        self.runs_on = offloaded("".join(logged))
        self.lock = threading.Lock()

    def load_adapter(self, file: StoredFile) -> None:
        """See `LanguageModel.load_adapter`."""
        if file in self._adapters:
            return
        with steady_path(file) as path:
            require_sound(path)
            with self.lock:  # the model lists its adapters, and another station may be judged now
                adapter = llama_cpp.llama_adapter_lora_init(self._model, str(path).encode())
        if not adapter:
            msg = f"adapter {file} does not fit the language model {self.path}: export it for this model"
            raise BundleError(msg)
        self._adapters[file] = adapter

    def ask(self, prefix: Sequence[int], tree: TokenTree, adapter: StoredFile | None) -> dict[int, NDArray[np.float64]]:
        """See `LanguageModel.ask`."""
        self._restore(prefix, adapter)
        count = len(tree.paths)
        for sequence in range(1, count + 1):
            llama_cpp.llama_memory_seq_cp(self._memory, 0, sequence, 0, -1)
        try:
            self._decode(
                [
                    (token, len(prefix) + position, [sequence + 1 for sequence in sequences], row in tree.asked)
                    for row, (token, position, sequences) in enumerate(zip(tree.tokens, tree.positions, tree.sequences, strict=True))
                ]
            )
            return {row: self._log_probabilities(row, asked) for row, asked in tree.asked.items()}
        finally:
            for sequence in range(1, count + 1):
                llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def prepare(self, prefix: Sequence[int], adapter: StoredFile | None) -> None:
        """See `LanguageModel.prepare`. There is one context, so a judgement waits until it is done."""
        with self.lock:
            self._restore(prefix, adapter)

    def keep_only(self, prefixes: Collection[tuple[StoredFile | None, tuple[int, ...]]]) -> None:
        """See `LanguageModel.keep_only`."""
        with self.lock:
            self._saved = {key: state for key, state in self._saved.items() if key in prefixes}

    def _restore(self, prefix: Sequence[int], adapter: StoredFile | None) -> None:
        """Put the prefix, computed with this adapter, into sequence 0: it is there already, saved from before, or computed now."""
        wanted = (adapter, tuple(prefix))
        if self._current == wanted:
            return
        self._current = None
        chosen = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(self._adapters[adapter]) if adapter else None
        scales = (ctypes.c_float * 1)(1.0) if adapter else None
        if llama_cpp.llama_set_adapters_lora(self._context, chosen, 1 if adapter else 0, scales):
            msg = f"adapter {adapter} cannot be set on {self.path}: export it for this model"
            raise JudgeError(msg)
        llama_cpp.llama_memory_clear(self._memory, True)  # noqa: FBT003 -- a C function takes no keywords
        if wanted in self._saved:
            state = self._saved[wanted]
            llama_cpp.llama_state_seq_set_data(self._context, state, len(state), 0)
        else:
            rows = [(token, position, (0,), False) for position, token in enumerate(prefix)]
            for first in range(0, len(rows), MAX_BATCH):
                self._decode(rows[first : first + MAX_BATCH])
            state = (ctypes.c_uint8 * llama_cpp.llama_state_seq_get_size(self._context, 0))()
            llama_cpp.llama_state_seq_get_data(self._context, state, len(state), 0)
            self._saved[wanted] = state
        self._current = wanted

    def _decode(self, tokens: Sequence[tuple[int, int, Sequence[int], bool]]) -> None:
        """Run rows of (token, position, sequences, whether its logits are needed) in one batch.

        Raises:
            JudgeError: llama.cpp failed.
        """
        batch = llama_cpp.llama_batch_init(len(tokens), 0, MAX_LABELS + 1)
        try:
            batch.n_tokens = len(tokens)
            for i, (token, position, sequences, logits) in enumerate(tokens):
                batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, position, len(sequences), logits
                for j, sequence in enumerate(sequences):
                    batch.seq_id[i][j] = sequence
            code = llama_cpp.llama_decode(self._context, batch)
        finally:
            llama_cpp.llama_batch_free(batch)
        if code:
            self._current = None
            batch_text = f"a batch of {len(tokens)} tokens (llama_decode returned {code})"
            msg = f"the language model failed on {batch_text}: verify the bundle, free memory"
            raise JudgeError(msg)

    def _log_probabilities(self, row: int, asked: Sequence[int]) -> NDArray[np.float64]:
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, row), (self._vocabulary.size,))
        try:
            return self._vocabulary.log_probabilities(logits, asked)
        except JudgeError:
            self._current = None
            raise


def _free(context: llama_cpp.llama_context_p, _weights: Weights) -> None:
    """Free a context while its model is still there: this call has it in its hand."""
    llama_cpp.llama_free(context)
