"""Judging on llama.cpp: how likely is each label as the next words after the description?

The prefix (instruction, labels and examples) is computed once and kept. Per frame the description is computed once for all labels,
together with every label's own tokens, in one decode: each token says to which labels' sequences it belongs (as `hellaswag_score` of
llama.cpp does). That equals scoring K full prompts, at the price of one description: docs/decisions/0004-rank-classification.md. Generating
under a grammar that allows only the labels needs nothing more: what it would choose from stands in the same logits.
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
from edge.judges.method import RANK, Method
from edge.judges.prompt import CONTENT_FREE, Prompt, description_text
from edge.judges.tree import END, Tree, closed
from edge.records import Description, Scores
from edge.threads import threads_of
from firmware_config.board import Board
from firmware_config.labels import Label

MAX_LABELS = 64
MAX_BATCH = 512
"""Tokens in one decode: description and label tails; the compute buffers grow with it."""

MAX_ROWS = MAX_BATCH // 2
"""Tokens of one decode after which logits are wanted: a row of them is a float32 for each word of the vocabulary."""

MIN_WORDS = 32
"""Tokens that must be left for the words of a picture, some tags and attributes; a station that leaves less could judge nothing."""


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
        # Without layers on a card, none is opened: a CUDA build else takes large products to it, and lays the weights out for it.
        no_card = (ctypes.c_void_p * 1)(None)
        if board.llm_gpu_layers == 0:
            model.devices = ctypes.addressof(no_card)
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
        context.n_outputs_max = MAX_ROWS
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
        self.context_tokens = context_tokens
        self.vocabulary_size = int(llama_cpp.llama_vocab_n_tokens(self._vocabulary))
        line_break = llama_cpp.llama_vocab_nl(self._vocabulary)
        self._ends = [token for token in range(self.vocabulary_size) if llama_cpp.llama_vocab_is_eog(self._vocabulary, token)]
        self._ends += [line_break] if line_break >= 0 else []
        self.lock = threading.Lock()

    def tokenize(self, text: str, *, special: bool = False, begin: bool = False) -> list[int]:
        """Token ids; control tokens are understood only with `special`, so that a description can never hold one.

        `begin` puts before it what the model wants at the begin of a text, if anything.
        """
        raw = text.encode()
        buffer = (llama_cpp.llama_token * (len(raw) + 8))()
        count = llama_cpp.llama_tokenize(self._vocabulary, raw, len(raw), buffer, len(buffer), begin, special)
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

    def ask(self, prefix: Sequence[int], tree: Tree, adapter: Path | None) -> dict[int, NDArray[np.float64]]:
        """Log-probability in nats of each token that the tree asks for, by row, after prefix and stem. Call with `lock` held.

        Raises:
            JudgeError: the decode failed or gave numbers that are not finite.
        """
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
            rows = [(token, position, (0,), False) for position, token in enumerate(prefix)]
            for first in range(0, len(rows), MAX_BATCH):
                self._decode(rows[first : first + MAX_BATCH])
            state = (ctypes.c_uint8 * llama_cpp.llama_state_seq_get_size(self._context, 0))()
            llama_cpp.llama_state_seq_get_data(self._context, state, len(state), 0)
            self._saved[wanted] = state
        self._current = wanted

    def _decode(self, tokens: Sequence[tuple[int, int, Sequence[int], bool]]) -> None:
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

    def _log_probabilities(self, row: int, asked: Sequence[int]) -> NDArray[np.float64]:
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, row), (self.vocabulary_size,))
        if not np.isfinite(logits).all():
            self._current = None
            msg = f"the language model {self.path} gave logits that are not finite: verify the bundle"
            raise JudgeError(msg)
        top = logits.max()
        total = np.exp(logits - top).sum(dtype=np.float64)
        wanted = [
            np.logaddexp.reduce(logits[self._ends].astype(np.float64)) if token == END else np.float64(logits[token]) for token in asked
        ]
        return np.asarray(np.array(wanted) - np.float64(top) - np.log(total))


class LlamaJudge:
    """Gives each label of a station its probability."""

    def __init__(
        self,
        model: LlamaModel,
        *,
        labels: Sequence[Label],
        prompt: Prompt,
        adapter: Path | None,
        temperature: float | None,
        method: Method = RANK,
        adapter_digest: str | None = None,
    ) -> None:
        self._model = model
        self._labels = tuple(label.name for label in labels)
        self._prompt = prompt
        self._prefix = model.tokenize(prompt.prefix, special=True, begin=True)
        self._suffix = model.tokenize(prompt.suffix, special=True)
        tails = [model.tokenize(answer) for answer in prompt.answers]
        self._tails = closed(tails)
        self._adapter = adapter
        self._adapter_digest = adapter_digest
        self._method = method
        self._temperature = temperature
        self._require_fit(tails)
        if adapter is not None:
            model.load_adapter(adapter)
        self._content_free = np.zeros(len(labels))
        if method.score == "contextual":
            (self._content_free,) = self._log_likelihoods([model.tokenize(CONTENT_FREE) + self._suffix])

    def score(self, description: Description) -> Scores:
        """Score every label; see `edge.interfaces.Judge`. A description that is too long loses its last captions."""
        shared = self._shared(description)
        return self._scores(shared, self._log_likelihoods([shared])[0])

    def score_each(self, descriptions: Sequence[Description]) -> tuple[Scores, ...]:
        """Score many descriptions, in as few decodes as hold them: what several have in common at their begin is computed once.

        Other batches round otherwise, so the numbers are near those of `score`, and comparable among themselves.

        Raises:
            JudgeError: as `score`.
        """
        waiting, scores = [self._shared(description) for description in descriptions], []
        while waiting:
            count = 1
            while count < len(waiting) and self._holds(waiting[: count + 1]):
                count += 1
            found = self._log_likelihoods(waiting[:count])
            scores += [self._scores(shared, some) for shared, some in zip(waiting[:count], found, strict=True)]
            waiting = waiting[count:]
        return tuple(scores)

    def _holds(self, stems: Sequence[Sequence[int]]) -> bool:
        if len(stems) * len(self._tails) > MAX_LABELS:
            return False
        tree = Tree(stems, self._tails)
        return len(tree.tokens) <= self._batch and len(tree.asked) <= MAX_ROWS

    def _log_likelihoods(self, stems: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Of each label after each description, float64 (N, K)."""
        tree = Tree(stems, self._tails)
        with self._model.lock:
            found = self._model.ask(self._prefix, tree, self._adapter)
        return self._method.log_likelihoods(tree, found).reshape(len(stems), -1) - self._content_free

    def _scores(self, shared: Sequence[int], log_likelihoods: NDArray[np.float64]) -> Scores:
        chances = probabilities(log_likelihoods, self._temperature or 1.0)
        return Scores(
            labels=self._labels,
            log_likelihoods=tuple(map(float, log_likelihoods)),
            probabilities=tuple(map(float, chances)),
            method=self._method.name,
            prompt_tokens=len(self._prefix) + len(shared),
            calibrated=self._temperature is not None,
            prompt=self._prompt.digest,
            adapter=self._adapter_digest,
        )

    @property
    def _batch(self) -> int:
        """Tokens of one decode after the prefix."""
        return min(MAX_BATCH, self._model.context_tokens - len(self._prefix))

    def _shared(self, description: Description) -> list[int]:
        room = self._batch - sum(len(tail) for tail in self._tails)
        for captions in range(len(description.captions), -1, -1):
            shared = self._model.tokenize(description_text(description, captions=captions)) + self._suffix
            if len(shared) <= room:
                return shared
        msg = f"tags and attributes alone are {len(shared)} tokens, at most {room} fit beside the labels: describe with fewer words"
        raise JudgeError(msg)

    def _require_fit(self, tails: Sequence[Sequence[int]]) -> None:
        """Refuse now what could only fail, or mislead, with every picture."""
        for text in self._prompt.plain:
            if self._model.tokenize(text, special=True) != self._model.tokenize(text):
                msg = (
                    f"labels, meanings and examples may hold no control token of the language model, one is in {text[:200]!r}: take it out"
                )
                raise BundleError(msg)
        for i, tail in enumerate(tails):
            if not tail or tail in tails[:i]:
                what = f"as label {self._labels[tails.index(tail)]!r}" if tail else "as nothing"
                msg = f"label {self._labels[i]!r} reads to the language model {what}: give it another name"
                raise BundleError(msg)
        answers = sum(len(tail) for tail in self._tails)
        left = self._batch - answers - len(self._suffix)
        if answers > MAX_ROWS:
            msg = f"the {len(tails)} labels are {answers} tokens, at most {MAX_ROWS} fit: shorten their names, or answer with letters"
            raise BundleError(msg)
        if left < MIN_WORDS:
            msg = (
                f"the instruction with {len(tails)} labels and its examples is {len(self._prefix)} tokens, too many for a context of "
                f"{self._model.context_tokens}: shorten meanings, take fewer examples, or build with more llm.context_tokens"
            )
            raise BundleError(msg)
