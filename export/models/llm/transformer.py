"""The layers of a llama or qwen2 as ONNX nodes: attention over a tree of tokens, SwiGLU, RMS norms, rotary positions.

`export.models.llm.graph` lists the inputs and outputs. T tokens of a run follow P tokens of the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import onnx
from onnx import TensorProto

from export.models.llm.gguf_weights import GgufWeights
from export.models.llm.onnx_nodes import MICROSOFT, OnnxNodes
from export.models.llm.products import Products
from firmware_config.board import GraphPrecision

INTERLEAVED = {"llama": True, "qwen2": False}
"""The known architectures, and whether the two channels of a rotary pair are neighbours."""


class Transformer:
    """Writes the layers of a model; `adapted` are the tensors that an adapter may change."""

    def __init__(self, source: GgufWeights, precision: GraphPrecision, *, adapted: AbstractSet[str], context_tokens: int) -> None:
        self._source = source
        self._adapted = adapted
        self._context_tokens = context_tokens
        self._nodes = OnnxNodes()
        self._products = Products(self._nodes, precision)
        self._layers = int(source.setting("block_count"))
        self._rotated_layers = self._layers * 2 // 3  # docs/decisions/0008
        self._embedding_length = int(source.setting("embedding_length"))
        self._heads = int(source.setting("attention.head_count"))
        self._key_value_heads = int(source.setting("attention.head_count_kv", self._heads))
        self._head_dim = int(source.setting("attention.key_length", self._embedding_length // self._heads))
        self._rotary_dim = int(source.setting("rope.dimension_count", self._head_dim))
        self._epsilon = float(source.setting("attention.layer_norm_rms_epsilon"))

    def model(self) -> onnx.ModelProto:
        """The whole graph.

        Raises:
            LlmError: a tensor is missing, or a weight is not finite.
        """
        nodes = self._nodes
        nodes.input("tokens", ["T"], TensorProto.INT64)
        nodes.input("positions", ["T"], TensorProto.INT64)
        nodes.input("attention_bias", ["T", "P + T"])
        nodes.input("rows", ["R"], TensorProto.INT64)
        self._add_shared_values()
        residual = self._products.table(self._source.weights("token_embd.weight"), "tokens")
        weight = self._norm_weight("blk.0.attn_norm")
        normalised = nodes.add("SimplifiedLayerNormalization", residual, weight, axis=-1, epsilon=self._epsilon)
        read = self._products.bounded_by_norm(normalised, weight)
        for layer in range(self._layers):
            read, residual = self._add_and_norm(self._attention(read, layer), residual, f"blk.{layer}.ffn_norm")
            following = f"blk.{layer + 1}.attn_norm" if layer + 1 < self._layers else "output_norm"
            read, residual = self._add_and_norm(self._feed_forward(read, layer), residual, following)
        self._add_logits(self._products.bounded_by_norm(nodes.add("Gather", read, "rows", axis=0), "output_norm.weight"))
        return nodes.model("language_model")

    def _add_shared_values(self) -> None:
        """What all layers read: the rotary tables float32 (context_tokens, rotary_dim / 2), positions (1, T), shapes of the attention."""
        nodes = self._nodes
        frequencies = float(self._source.setting("rope.freq_base", 10_000.0)) ** -(np.arange(0, self._rotary_dim, 2) / self._rotary_dim)
        if "rope_freqs.weight" in self._source.tensors:
            frequencies = frequencies / self._source.weights("rope_freqs.weight")
        angles = np.arange(self._context_tokens)[:, None] * frequencies
        nodes.constant("cos", np.cos(angles).astype(np.float32))
        nodes.constant("sin", np.sin(angles).astype(np.float32))
        self._batch_axis = nodes.constant("batch_of_one", np.array([0], np.int64))
        self._positions = nodes.add("Unsqueeze", "positions", self._batch_axis)
        heads = nodes.constant("heads", np.array([self._heads], np.int64))
        groups = nodes.constant("groups", np.array([self._key_value_heads, -1], np.int64))
        shape = nodes.add("Shape", "attention_bias")
        self._by_head = nodes.add("Concat", heads, shape, axis=0)
        self._by_group = nodes.add("Concat", groups, nodes.add("Shape", "attention_bias", start=1), axis=0)

    def _attention(self, read: str, layer: int) -> str:
        """Attention of the run's tokens to the past and to each other: (T, n) to (T, n)."""
        nodes, groups, head_dim = self._nodes, self._key_value_heads, self._head_dim
        stem = f"blk.{layer}.attn"
        query, key, value = self._linear(read, layer, (f"{stem}_q", f"{stem}_k", f"{stem}_v"))
        by_head = nodes.constant("by_head", np.array([-1, self._heads, head_dim], np.int64))
        by_group = nodes.constant("by_group", np.array([-1, groups, head_dim], np.int64))
        stacked = nodes.constant("stacked", np.array([groups, -1, head_dim], np.int64))
        in_row = nodes.constant("in_row", np.array([-1, self._heads * head_dim], np.int64))
        split = nodes.constant("split", np.array([self._heads, -1, head_dim], np.int64))

        def heads_first(states: str, shape: str) -> str:
            return nodes.add("Transpose", nodes.add("Reshape", states, shape), perm=[1, 0, 2])

        query = nodes.add("Reshape", heads_first(self._rotary(query, self._heads), by_head), stacked)
        past_and_present = []
        for kind, states in (("key", self._rotary(key, groups)), ("value", value)):
            past = nodes.input(f"past_{kind}.{layer}", [groups, "P", head_dim])
            heads_first(states, by_group)
            present = nodes.output(f"present_{kind}.{layer}", [groups, "T", head_dim])
            past_and_present.append(nodes.add("Concat", past, present, axis=1))
        keys, values = past_and_present
        # One product for each key: the queries of all heads that share it are rows of one matrix.
        scores = nodes.add("FusedMatMul", query, keys, domain=MICROSOFT, transB=1, alpha=head_dim**-0.5)
        scores = nodes.add("Add", nodes.add("Reshape", scores, self._by_head), "attention_bias")
        weights = nodes.add("Reshape", nodes.add("Softmax", scores, axis=-1), self._by_group)
        mixed = nodes.add("Reshape", nodes.add("MatMul", weights, values), split)
        return self._linear(nodes.add("Reshape", nodes.add("Transpose", mixed, perm=[1, 0, 2]), in_row), layer, (f"{stem}_output",))[0]

    def _feed_forward(self, read: str, layer: int) -> str:
        """SwiGLU: (T, n) to (T, n)."""
        nodes, stem = self._nodes, f"blk.{layer}"
        gate, up = self._linear(read, layer, (f"{stem}.ffn_gate", f"{stem}.ffn_up"))
        # x * sigmoid(x), which is SiLU.
        activated = nodes.add("QuickGelu", gate, domain=MICROSOFT, alpha=1.0)
        return self._linear(nodes.add("Mul", activated, up), layer, (f"{stem}.ffn_down",))[0]

    def _rotary(self, states: str, heads: int) -> str:
        interleaved, inputs = int(INTERLEAVED[self._source.architecture]), (self._positions, "cos", "sin")
        batched = self._nodes.add("Unsqueeze", states, self._batch_axis)
        return self._nodes.add(
            "RotaryEmbedding",
            batched,
            *inputs,
            domain=MICROSOFT,
            interleaved=interleaved,
            num_heads=heads,
            rotary_embedding_dim=self._rotary_dim,
        )

    def _add_and_norm(self, states: str, residual: str, norm: str) -> tuple[str, str]:
        """The normalised sum of `states` and `residual`, and the sum; (T, n) each."""
        normalised, total = f"{norm}.read", f"{norm}.residual"
        weight = self._norm_weight(norm)
        self._nodes.add_named(
            "SkipSimplifiedLayerNormalization",
            norm,
            [states, residual, weight],
            [normalised, "", "", total],
            domain=MICROSOFT,
            epsilon=self._epsilon,
        )
        return self._products.bounded_by_norm(normalised, weight), total

    def _norm_weight(self, norm: str) -> str:
        return self._nodes.constant(f"{norm}.weight", self._source.weights(f"{norm}.weight"))

    def _linear(self, read: str, layer: int, names: Sequence[str]) -> list[str]:
        """Products of `read` with matrices by their GGUF names, with the bias and the adapter of each that has one."""
        nodes, results = self._nodes, []
        matrices = {name: self._source.weights(f"{name}.weight") for name in names}
        products = self._products.with_matrices(read, matrices, rotated=layer < self._rotated_layers)
        for name, product in zip(names, products, strict=True):
            result = product
            if f"{name}.bias" in self._source.tensors:
                result = nodes.add("Add", result, nodes.constant(f"{name}.bias", self._source.weights(f"{name}.bias")))
            if f"{name}.weight" in self._adapted:
                columns, rows = (int(size) for size in self._source.tensors[f"{name}.weight"].shape[:2])
                # Each matrix has its own name for the rank: onnxruntime takes axes of one name for equally long.
                rank = f"rank of {name}"
                narrow = nodes.add("MatMul", read, nodes.input(f"{name}.weight.lora_a", [columns, rank]))
                result = nodes.add("Add", result, nodes.add("MatMul", narrow, nodes.input(f"{name}.weight.lora_b", [rank, rows])))
            results.append(result)
        return results

    def _add_logits(self, read: str) -> None:
        """The output `logits` (R, V) of `read` (R, n)."""
        if "output.weight" in self._source.tensors:
            (logits,) = self._products.with_matrices(read, {"output": self._source.weights("output.weight")})
        else:
            logits = self._products.with_table(read)
        # The scale of a norm's result is a constant, so rounding would turn NaN into a number: add NaN again.
        self._nodes.add("Add", logits, self._products.zero_or_nan(read, self._embedding_length))
        self._nodes.output("logits", ["R", self._source.vocabulary_size])
