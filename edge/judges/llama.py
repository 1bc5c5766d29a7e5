"""Rank classification on llama.cpp: how likely is each label as the next words after the description?

The prefix (instruction and labels) is computed once and kept. Per frame the description is computed once for all labels, together with
every label's own tokens, in one decode: each token says to which labels' sequences it belongs (as `hellaswag_score` of llama.cpp does).
That equals scoring K full prompts, at the price of one description: docs/decisions/0004-rank-classification.md.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from edge.errors import BundleError, JudgeError
from edge.gguf_header import require_sound
from edge.judges.calibration import probabilities
from edge.judges.prompt import Prompt, description_text, label_text
from edge.records import Description, Scores
from edge.threads import threads_of
from firmware_config.board import Board
from firmware_config.labels import Label

MAX_LABELS = 64
MAX_BATCH = 512
"""Tokens in one decode: description and label tails; the compute buffers grow with it."""


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """llama.cpp writes pages to stderr; what matters comes back as an error code."""


class LlamaModel:
    """One model with one context, shared by all stations; `score` calls take turns."""

    def __init__(self, path: Path, *, board: Board, context_tokens: int) -> None:
        require_sound(path)
        llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        model = llama_cpp.llama_model_default_params()
        model.n_gpu_layers = board.llm_gpu_layers
        self.path = path
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), model)
        if not self._model:
            msg = f"language model {path} cannot be loaded by this llama.cpp: build the bundle anew"
            raise BundleError(msg)
        context = llama_cpp.llama_context_default_params()
        context.n_ctx = context_tokens
        context.n_batch = context.n_ubatch = MAX_BATCH
        context.n_seq_max = MAX_LABELS + 1
        # One cell buffer for all sequences: without it a prefix cannot be shared (llama.cpp #18117).
        context.kv_unified = True
        context.n_outputs_max = MAX_BATCH // 2
        context.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        context.n_threads = context.n_threads_batch = threads_of(board)
        self._context = llama_cpp.llama_init_from_model(self._model, context)
        if not self._context:
            msg = f"language model {path}: no context of {context_tokens} tokens could be made: lower context_tokens or free memory"
            raise BundleError(msg)
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._adapters: dict[Path, ctypes.c_void_p] = {}
        self._saved: dict[tuple[Path | None, tuple[int, ...]], ctypes.Array[ctypes.c_uint8]] = {}
        self._current: tuple[Path | None, tuple[int, ...]] | None = None
        self.vocabulary_size = int(llama_cpp.llama_vocab_n_tokens(self._vocabulary))
        self.lock = threading.Lock()

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids; control tokens are understood only with `special`, so that a description can never hold one."""
        raw = text.encode()
        buffer = (llama_cpp.llama_token * (len(raw) + 8))()
        count = llama_cpp.llama_tokenize(self._vocabulary, raw, len(raw), buffer, len(buffer), special, special)
        return list(buffer[:count])

    def load_adapter(self, path: Path) -> None:
        """Load a LoRA once.

        Raises:
            BundleError: it does not belong to this model.
        """
        if path in self._adapters:
            return
        require_sound(path)
        adapter = llama_cpp.llama_adapter_lora_init(self._model, str(path).encode())
        if not adapter:
            msg = f"adapter {path} does not fit the language model {self.path}: export it for this model"
            raise BundleError(msg)
        self._adapters[path] = adapter

    def log_likelihoods(
        self, prefix: Sequence[int], shared: Sequence[int], tails: Sequence[Sequence[int]], adapter: Path | None
    ) -> NDArray[np.float64]:
        """Summed log-likelihood in nats of each tail after prefix + shared, float64 (K,). Call with `lock` held.

        Raises:
            JudgeError: the decode failed or gave numbers that are not finite.
        """
        self._restore(prefix, adapter)
        sequences = range(1, len(tails) + 1)
        for sequence in sequences:
            llama_cpp.llama_memory_seq_cp(self._memory, 0, sequence, 0, -1)
        start, end = len(prefix), len(prefix) + len(shared)
        tokens = [(token, start + i, tuple(sequences), i == len(shared) - 1) for i, token in enumerate(shared)]
        rows: list[list[int]] = []
        for sequence, tail in zip(sequences, tails, strict=True):
            rows.append([len(shared) - 1, *range(len(tokens), len(tokens) + len(tail) - 1)])
            tokens += [(token, end + i, (sequence,), True) for i, token in enumerate(tail[:-1])]
        try:
            self._decode(tokens)
            found = {row: self._log_softmax(row) for row in sorted({row for some in rows for row in some})}
        finally:
            for sequence in sequences:
                llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return np.array(
            [sum(float(found[row][token]) for row, token in zip(some, tail, strict=True)) for some, tail in zip(rows, tails, strict=True)]
        )

    def _restore(self, prefix: Sequence[int], adapter: Path | None) -> None:
        """Have the prefix in sequence 0, computed with this adapter: kept, loaded from its saved state, or computed now."""
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
            self._decode([(token, position, (0,), False) for position, token in enumerate(prefix)])
            state = (ctypes.c_uint8 * llama_cpp.llama_state_seq_get_size(self._context, 0))()
            llama_cpp.llama_state_seq_get_data(self._context, state, len(state), 0)
            self._saved[wanted] = state
        self._current = wanted

    def _decode(self, tokens: Sequence[tuple[int, int, tuple[int, ...], bool]]) -> None:
        """Run (token, position, sequences, wants logits) rows in one batch."""
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
            msg = f"the language model failed on a batch of {len(tokens)} tokens (llama_decode gave {code}): verify the bundle, free memory"
            raise JudgeError(msg)

    def _log_softmax(self, row: int) -> NDArray[np.float64]:
        pointer = llama_cpp.llama_get_logits_ith(self._context, row)
        logits = np.ctypeslib.as_array(pointer, (self.vocabulary_size,)).astype(np.float64)
        if not np.isfinite(logits).all():
            self._current = None
            msg = f"the language model {self.path} gave logits that are not finite: verify the bundle"
            raise JudgeError(msg)
        logits -= logits.max()
        return np.asarray(logits - np.log(np.exp(logits).sum()))


class LlamaJudge:
    """Ranks a station's labels."""

    def __init__(
        self, model: LlamaModel, *, labels: Sequence[Label], prompt: Prompt, adapter: Path | None, temperature: float | None
    ) -> None:
        self._model = model
        self._labels = tuple(label.name for label in labels)
        self._prefix = model.tokenize(prompt.prefix, special=True)
        self._suffix = model.tokenize(prompt.suffix, special=True)
        self._tails = [model.tokenize(label_text(label)) for label in labels]
        self._adapter = adapter
        self._temperature = temperature
        if adapter is not None:
            model.load_adapter(adapter)
        if len(self._prefix) > MAX_BATCH:
            msg = f"the instruction and its {len(labels)} labels are {len(self._prefix)} tokens, at most {MAX_BATCH} fit: shorten meanings"
            raise BundleError(msg)

    def score(self, description: Description) -> Scores:
        """Score every label; see `edge.interfaces.Judge`. A description that is too long loses its last captions."""
        shared = self._shared(description)
        with self._model.lock:
            log_likelihoods = self._model.log_likelihoods(self._prefix, shared, self._tails, self._adapter)
        chances = probabilities(log_likelihoods, self._temperature or 1.0)
        return Scores(
            labels=self._labels,
            log_likelihoods=tuple(map(float, log_likelihoods)),
            probabilities=tuple(map(float, chances)),
            method="rank",
            prompt_tokens=len(self._prefix) + len(shared),
            calibrated=self._temperature is not None,
        )

    def _shared(self, description: Description) -> list[int]:
        room = MAX_BATCH - sum(len(tail) for tail in self._tails)
        for captions in range(len(description.captions), -1, -1):
            shared = self._model.tokenize(description_text(description, captions=captions)) + self._suffix
            if len(shared) <= room:
                return shared
        msg = f"tags and attributes alone are {len(shared)} tokens, at most {room} fit beside the labels: describe with fewer words"
        raise JudgeError(msg)
