"""A language model as a graph that also gives its last hidden states, and that goes on from what it has read.

The graph is that of the box (`export.models.llm.graph`) with one more output: `hidden` float32 (R, H), the states of `rows` after the last
norm, from which the logits come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge.errors import BundleError
from edge.judges.lora import read_lora
from edge.runtime.onnx import Graph
from export.cache import Cache, Step, sha256
from export.errors import LlmError
from export.models.llm.graph import write_graph
from export.progress import Report
from firmware_config.board import Board, GraphPrecision

WITH_STATES = Step("llm-states", modules=("export.instruct.states",))
MASKED = np.float32(-1e9)
"""As on the box: added to the attention score of two tokens that do not attend to each other."""

Past = Mapping[str, NDArray[Any]]
"""Keys and values by the graph's input names, each float32 (heads, tokens, head width)."""


def targets_of(adapter: Path) -> tuple[str, ...]:
    """The tensors that a LoRA changes.

    Raises:
        BundleError: the file is no sound LoRA.
        OSError: it cannot be read.
    """
    return tuple(sorted({name.rpartition(".lora_")[0] for name in read_lora(adapter)[1]}))


def states_graph(gguf: Path, precision: GraphPrecision, *, adapter: Path | None, context_tokens: int, cache: Cache, report: Report) -> Path:
    """The graph, written once for all adapters that change the same tensors as `adapter`.

    Raises:
        LlmError: the model cannot be a graph with this adapter; see `export.models.llm.graph.graph_obstacle`.
    """
    adapters = () if adapter is None else (adapter,)

    def make(out: Path) -> None:
        report(f"writing the language model as a graph in {precision}")
        path = out / "model.onnx"
        write_graph(gguf, path, precision, context_tokens=context_tokens, adapters=adapters)
        onnx.save(_with_states(onnx.load(path)), path)

    settings = [sha256(gguf), precision, context_tokens, *(targets_of(adapter) if adapter else ())]
    return cache.made(WITH_STATES, make, inputs=(), settings=settings) / "model.onnx"


def _with_states(model: onnx.ModelProto) -> onnx.ModelProto:
    """Make what is gathered by `rows` an output: the head reads it."""
    (gathered,) = (node for node in model.graph.node if node.op_type == "Gather" and "rows" in node.input)
    inner, gathered.output[0] = gathered.output[0], "hidden"
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == inner:
                node.input[place] = "hidden"
    model.graph.output.append(helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["R", None]))
    return model


class StatesGraph:
    """Reads tokens after a prefix, with one adapter or none; `read` and `go_on` give float32 logits (R, V) and states (R, H).

    Raises:
        BundleError: the graph cannot be loaded, or the adapter does not fit it.
    """

    def __init__(self, file: Path, *, board: Board, prefix: Sequence[int], adapter: Path | None) -> None:
        self._graph = Graph(file, board.model_copy(update={"providers": ("cpu",)}))
        shapes = self._graph.inputs
        self._past_names = [name for name in shapes if name.startswith("past_")]
        empty = {name: np.zeros((shapes[name][0], 0, shapes[name][2]), np.float32) for name in self._past_names}
        self._lora = self._matrices(adapter)
        self._prefix: Past = empty
        self._prefix_length = len(prefix)
        if prefix:
            visible = np.tri(len(prefix), dtype=np.bool_)
            _, _, self._prefix = self._run(prefix, np.arange(len(prefix)), visible, [len(prefix) - 1], empty)

    def hidden(self, text: Sequence[int]) -> NDArray[np.float32]:
        """The state after a text, float32 (H,)."""
        return self.read(text)[1][0]

    def read(self, text: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32], Past]:
        """Logits (1, V) and state (1, H) after a text that follows the prefix, and what was read until there."""
        count = self._prefix_length
        visible = np.hstack([np.ones((len(text), count), np.bool_), np.tri(len(text), dtype=np.bool_)])
        return self._run(text, count + np.arange(len(text)), visible, [len(text) - 1], self._prefix)

    def go_on(
        self, tokens: Sequence[int], position: int, visible: NDArray[np.bool_], past: Past
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Past]:
        """The same after each of R tokens beside each other at `position`; `visible` bool (R, P + R)."""
        return self._run(tokens, np.full(len(tokens), position), visible, list(range(len(tokens))), past)

    def _run(
        self, tokens: Sequence[int], positions: NDArray[Any], visible: NDArray[np.bool_], rows: Sequence[int], past: Past
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Past]:
        inputs = {
            "tokens": np.array(tokens, np.int64),
            "positions": positions.astype(np.int64),
            "attention_bias": np.where(visible, np.float32(0), MASKED),
            "rows": np.array(rows, np.int64),
        }
        names = [name.replace("past_", "present_", 1) for name in self._past_names]
        try:
            (logits, hidden, *present), _ = self._graph.run({**inputs, **past, **self._lora}, read=("logits", "hidden", *names))
        except Exception as err:
            msg = f"reading {len(tokens)} tokens with the language model failed ({str(err).splitlines()[0][:200]}): free memory"
            raise LlmError(msg) from err
        added = zip(self._past_names, present, strict=True)
        return logits.copy(), hidden.copy(), {name: np.concatenate([past[name], new], axis=1) for name, new in added}

    def _matrices(self, adapter: Path | None) -> dict[str, NDArray[np.float32]]:
        shapes = {name: shape for name, shape in self._graph.inputs.items() if ".lora_" in name}
        inputs = {name: np.zeros([0 if isinstance(size, str) else size for size in shape], np.float32) for name, shape in shapes.items()}
        alpha, matrices = (0.0, {}) if adapter is None else read_lora(adapter)
        for name, matrix in matrices.items():
            turned = np.ascontiguousarray(matrix.T)
            if name.endswith(".lora_b"):
                turned = turned * np.float32(alpha / len(turned) if alpha else 1)  # as llama.cpp scales
            axis = 1 if name.endswith(".lora_b") else 0
            if name not in inputs or turned.shape[axis] != inputs[name].shape[axis]:
                msg = f"adapter {adapter} does not fit the language model: tune it on this model"
                raise BundleError(msg)
            inputs[name] = turned
        return inputs
