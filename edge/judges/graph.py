"""A language model as an ONNX graph on the processor: `export/models/llm/graph.py` writes it, with what its inputs mean.

llama.cpp multiplies four-bit weights at an eighth of what a processor with VNNI can do; onnxruntime's int8 product comes near the whole:
docs/decisions/0008-the-judge-as-a-graph.md. All labels are scored in one run: which tokens see each other is an input.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import BundleError, JudgeError
from edge.judges.language_model import MAX_BATCH, Vocabulary
from edge.judges.lora import read_lora
from edge.judges.token_tree import TokenTree
from edge.runtime.onnx import Array, Graph, Tensor
from firmware_config.board import Board

UNSEEN = np.float32(-1e9)
"""Added to the attention of tokens that do not see each other: its exponential is 0."""

Past = dict[str, Tensor]
"""Keys and values of a prefix, as the graph's inputs."""


class GraphModel:
    """See `edge.judges.language_model.LanguageModel`; the vocabulary comes from the GGUF that the graph was made of."""

    def __init__(self, path: Path, *, vocabulary: Path, board: Board, context_tokens: int) -> None:
        self.path = path
        self.context_tokens = context_tokens
        self.runs_on = "onnxruntime on the processor"
        self.lock = threading.Lock()
        self._vocabulary = Vocabulary.of_file(vocabulary)
        self.tokenize = self._vocabulary.tokenize
        self._graph = Graph(path, board.model_copy(update={"providers": ("cpu",)}))
        shapes = self._graph.inputs
        self._past = [name for name in shapes if name.startswith("past_")]
        self._present = [name.replace("past_", "present_", 1) for name in self._past]
        self._nothing = {name: np.zeros((shapes[name][0], 0, shapes[name][2]), np.float32) for name in self._past}
        adapted = {name: shapes[name] for name in shapes if ".lora_" in name}
        self._adapters: dict[Path | None, dict[str, Array]] = {
            None: {name: np.zeros([0 if isinstance(size, str) else size for size in shape], np.float32) for name, shape in adapted.items()}
        }
        self._kept: dict[tuple[Path | None, tuple[int, ...]], Past] = {}

    def load_adapter(self, path: Path) -> None:
        """See `LanguageModel.load_adapter`."""
        if path in self._adapters:
            return
        alpha, matrices = read_lora(path)
        # A matrix that this adapter leaves alone has rank 0.
        inputs = dict(self._adapters[None])
        for name, matrix in matrices.items():
            given = np.ascontiguousarray(matrix.T)
            if name.endswith(".lora_b"):
                with np.errstate(over="ignore"):
                    given = given * np.float32(alpha / len(given) if alpha else 1)  # as llama.cpp does
            axis = 1 if name.endswith(".lora_b") else 0
            if name not in inputs or given.shape[axis] != inputs[name].shape[axis] or not np.isfinite(given).all():
                raise BundleError(self._unfit(path))
            inputs[name] = given
        if any(name.endswith(".lora_a") and given.shape[1] != len(inputs[f"{name[:-1]}b"]) for name, given in inputs.items()):
            raise BundleError(self._unfit(path))
        self._adapters[path] = inputs

    def _unfit(self, adapter: Path) -> str:
        return f"adapter {adapter} does not fit the language model {self.path}: export it for this model"

    def ask(self, prefix: Sequence[int], tree: TokenTree, adapter: Path | None) -> dict[int, NDArray[np.float64]]:
        """See `LanguageModel.ask`."""
        past = self._prefix(prefix, adapter)
        rows = sorted(tree.asked)
        positions = len(prefix) + np.array(tree.positions)
        seen = np.concatenate([np.ones((len(positions), len(prefix)), np.bool_), tree.visible()], axis=1)
        (logits,), _ = self._run(tree.tokens, positions, seen, rows, past, adapter, read=("logits",))
        return {row: self._vocabulary.log_probabilities(some, tree.asked[row]) for row, some in zip(rows, logits, strict=True)}

    def _prefix(self, prefix: Sequence[int], adapter: Path | None) -> Past:
        """Keys and values of the prefix with this adapter, computed once."""
        wanted = (adapter, tuple(prefix))
        if wanted not in self._kept:
            past: Past = dict(self._nothing)
            for first in range(0, len(prefix), MAX_BATCH):
                tokens = prefix[first : first + MAX_BATCH]
                positions = first + np.arange(len(tokens))
                seen = np.arange(first + len(tokens)) <= positions[:, None]
                new, _ = self._run(tokens, positions, seen, [0], past, adapter, read=self._present)
                past = {name: np.concatenate([past[name], some], axis=1) for name, some in zip(self._past, new, strict=True)}
            self._kept[wanted] = past
        return self._kept[wanted]

    def _run(
        self,
        tokens: Sequence[int],
        positions: NDArray[np.int64],
        seen: NDArray[np.bool_],
        rows: Sequence[int],
        past: Past,
        adapter: Path | None,
        *,
        read: Sequence[str],
    ) -> tuple[list[Array], list[Tensor]]:
        inputs: dict[str, Tensor] = {
            "tokens": np.array(tokens, np.int64),
            "positions": np.array(positions, np.int64),
            "attention_bias": np.where(seen, np.float32(0), UNSEEN),
            "rows": np.array(rows, np.int64),
        }
        try:
            return self._graph.run(inputs | past | self._adapters[adapter], read=read)
        except Exception as err:
            msg = f"the language model failed on {len(tokens)} tokens ({str(err).splitlines()[0][:200]}): verify the bundle, free memory"
            raise JudgeError(msg) from err
