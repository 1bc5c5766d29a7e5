"""A language model as an ONNX graph on the CPU; `export/models/llm/graph.py` writes the graph and explains its inputs.

On a CPU with VNNI, llama.cpp's product with four-bit weights reaches an eighth of the peak speed, onnxruntime's int8 product nearly all of
it: docs/decisions/0008-the-judge-as-a-graph.md. All labels are scored in one run: which tokens attend to each other is an input.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.errors import BundleError, JudgeError
from edge.judges.language_model import MAX_BATCH, Vocabulary
from edge.judges.lora import read_lora
from edge.judges.token_tree import TokenTree
from edge.runtime.onnx import Array, Graph, Tensor
from edge.runtime.placement import devices_of
from firmware_config.board import Board
from firmware_config.verified_file import StoredFile

MASKED = np.float32(-1e9)
"""Added to the attention score of two tokens that do not attend to each other: its exponential is 0."""

Past = dict[str, Tensor]
"""Keys and values of a prefix by the graph's input names, each float32 (heads, tokens, head width)."""


class GraphModel:
    """See `edge.judges.language_model.LanguageModel`; `vocabulary` is the GGUF from which the graph was made.

    Raises:
        BundleError: the graph or the vocabulary cannot be loaded.
    """

    def __init__(self, file: StoredFile, *, vocabulary: StoredFile, board: Board, context_tokens: int) -> None:
        self.path = file
        self.context_tokens = context_tokens
        self.lock = threading.Lock()
        self._vocabulary = Vocabulary.of_file(vocabulary)
        self.tokenize = self._vocabulary.tokenize
        self._graph = Graph(file, board.model_copy(update={"providers": ("cpu",)}))
        self.runs_on = f"onnxruntime on {devices_of(self._graph.placement('judge'))}"
        shapes = self._graph.inputs
        self._past = [name for name in shapes if name.startswith("past_")]
        self._present = [name.replace("past_", "present_", 1) for name in self._past]
        self._no_past = {name: np.zeros((shapes[name][0], 0, shapes[name][2]), np.float32) for name in self._past}
        lora_shapes = {name: shapes[name] for name in shapes if ".lora_" in name}
        no_adapter = {
            name: np.zeros([0 if isinstance(size, str) else size for size in shape], np.float32) for name, shape in lora_shapes.items()
        }
        self._adapters: dict[StoredFile | None, dict[str, Array]] = {None: no_adapter}
        self._prefixes: dict[tuple[StoredFile | None, tuple[int, ...]], Past] = {}

    def load_adapter(self, file: StoredFile) -> None:
        """See `LanguageModel.load_adapter`."""
        if file in self._adapters:
            return
        alpha, matrices = read_lora(file)
        # A weight that this adapter does not change has a LoRA of rank 0.
        inputs = dict(self._adapters[None])
        for name, matrix in matrices.items():
            transposed = np.ascontiguousarray(matrix.T)
            if name.endswith(".lora_b"):
                with np.errstate(over="ignore"):  # an overflow is refused below
                    transposed = transposed * np.float32(alpha / len(transposed) if alpha else 1)  # as llama.cpp scales
            axis = 1 if name.endswith(".lora_b") else 0
            if name not in inputs or transposed.shape[axis] != inputs[name].shape[axis] or not np.isfinite(transposed).all():
                raise BundleError(self._does_not_fit(file))
            inputs[name] = transposed
        if any(name.endswith(".lora_a") and matrix.shape[1] != len(inputs[f"{name[:-1]}b"]) for name, matrix in inputs.items()):
            raise BundleError(self._does_not_fit(file))
        self._adapters[file] = inputs

    def _does_not_fit(self, adapter: StoredFile) -> str:
        return f"adapter {adapter} does not fit the language model {self.path}: export it for this model"

    def ask(self, prefix: Sequence[int], tree: TokenTree, adapter: StoredFile | None) -> dict[int, NDArray[np.float64]]:
        """See `LanguageModel.ask`."""
        past = self._prefix(prefix, adapter)
        rows = sorted(tree.asked)
        positions = len(prefix) + np.array(tree.positions)
        visible = np.concatenate([np.ones((len(positions), len(prefix)), np.bool_), tree.visible()], axis=1)
        (logits,), _ = self._run(tree.tokens, positions, visible, rows, past, adapter, read=("logits",))
        return {row: self._vocabulary.log_probabilities(row_logits, tree.asked[row]) for row, row_logits in zip(rows, logits, strict=True)}

    def prepare(self, prefix: Sequence[int], adapter: StoredFile | None) -> None:
        """See `LanguageModel.prepare`. A graph may run in two threads at once, so nobody waits for it."""
        self._prefix(prefix, adapter)

    def keep_only(self, prefixes: Collection[tuple[StoredFile | None, tuple[int, ...]]]) -> None:
        """See `LanguageModel.keep_only`."""
        with self.lock:
            self._prefixes = {key: past for key, past in self._prefixes.items() if key in prefixes}

    def _prefix(self, prefix: Sequence[int], adapter: StoredFile | None) -> Past:
        """Keys and values of the prefix with this adapter, computed at the first call."""
        key = (adapter, tuple(prefix))
        if key not in self._prefixes:
            past: Past = dict(self._no_past)
            for first in range(0, len(prefix), MAX_BATCH):
                tokens = prefix[first : first + MAX_BATCH]
                positions = first + np.arange(len(tokens))
                visible = np.arange(first + len(tokens)) <= positions[:, None]
                present, _ = self._run(tokens, positions, visible, [0], past, adapter, read=self._present)
                past = {name: np.concatenate([past[name], added], axis=1) for name, added in zip(self._past, present, strict=True)}
            self._prefixes[key] = past
            return past
        return self._prefixes[key]

    def _run(
        self,
        tokens: Sequence[int],
        positions: NDArray[np.int64],
        visible: NDArray[np.bool_],
        rows: Sequence[int],
        past: Past,
        adapter: StoredFile | None,
        *,
        read: Sequence[str],
    ) -> tuple[list[Array], list[Tensor]]:
        """Run T tokens: `positions` int64 (T,), `visible` bool (T, past + T), `rows` whose logits are computed; give the outputs `read`."""
        inputs: dict[str, Tensor] = {
            "tokens": np.array(tokens, np.int64),
            "positions": np.array(positions, np.int64),
            "attention_bias": np.where(visible, np.float32(0), MASKED),
            "rows": np.array(rows, np.int64),
        }
        try:
            return self._graph.run(inputs | past | self._adapters[adapter], read=read)
        except Exception as err:
            reason = str(err).splitlines()[0][:200]
            msg = f"the language model failed on {len(tokens)} tokens ({reason}): verify the bundle, free memory"
            raise JudgeError(msg) from err
