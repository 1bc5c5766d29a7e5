"""A language model as one ONNX graph for processors: all labels of a picture are scored in one run, on int8 products that use VNNI.

Rows are tokens, in any order; which row sees which is an input, so a tree of answers is one run. Inputs: `tokens` and `positions` int64
(T,), `attention_bias` float32 (T, P + T), added to the attention, of the P tokens before and the T of this run, `rows` int64 (R,), and for
each layer `past_key.i` and `past_value.i` float32 (heads, P, width). Outputs: `logits` float32 (R, V) after the tokens `rows`, and
`present_key.i`, `present_value.i` of this run's tokens. What adapters change has two inputs more, named as in their GGUF: `NAME.lora_a`
(in, rank) and `NAME.lora_b` (rank, out), with alpha / rank multiplied into the latter; each has a rank of its own, 0 changes nothing.

int8: weights S8 per output channel, activations U8 with a scale for each token. In the first two thirds of the layers both factors are
first turned by a Hadamard matrix in blocks of 64 channels: the product stays as it is, and outliers are spread over their block (after
QuaRot, arXiv 2404.00456). In the last third activations have two parts instead, coarse and fine, some 15 bits: docs/decisions/0008.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.errors import EdgeError
from edge.judges.lora import read_lora
from export.errors import LlmError
from firmware_config.board import GraphPrecision

INTERLEAVED = {"llama": True, "qwen2": False}
"""Architectures that are known, and whether rotary pairs are neighbours."""

MAX_BYTES = 2_000_000_000
"""Of a graph with its weights inside; protobuf ends at 2 GiB."""

LEVELS = {"int8": 63, "int8-full": 127}
"""Largest weight: with 7 bits no sum of two products overflows 16 bits on a processor without VNNI (see `export.models.quantize`)."""

MICROSOFT = "com.microsoft"
Weights = NDArray[np.float32]


MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
"""Of each layer, with or without a bias; what an adapter may change."""


def graph_obstacle(model: Path, precision: GraphPrecision, adapters: Iterable[Path] = ()) -> str | None:
    """What keeps a GGUF with these LoRAs from becoming a graph; None where nothing does."""
    return next(_obstacles(_Source(gguf.GGUFReader(model), model), precision, adapters), None)


def write_graph(model: Path, target: Path, precision: GraphPrecision, *, context_tokens: int, adapters: Iterable[Path] = ()) -> None:
    """Write a GGUF's weights as a graph; `adapters` are the LoRAs that it must be able to take.

    Raises:
        LlmError: `graph_obstacle` has an answer, or a weight is not finite.
    """
    source, loras = _Source(gguf.GGUFReader(model), model), tuple(adapters)
    why = next(_obstacles(source, precision, loras), None)
    if why is not None:
        msg = f"{model} cannot be a graph in {precision}: {why}: use graph = 'none'"
        raise LlmError(msg)
    adapted = {name for lora in loras for name in _targets(lora)}
    onnx.save(_Writer(source, precision, adapted).model(context_tokens), target)


def _obstacles(source: _Source, precision: GraphPrecision, adapters: Iterable[Path]) -> Iterator[str]:
    if source.architecture not in INTERLEAVED:
        yield f"its architecture is {source.architecture}, known are {', '.join(INTERLEAVED)}"
        return
    heads = [source.setting(f"attention.{name}") for name in ("head_count", "head_count_kv")]
    widths = [source.setting(f"attention.{name}") for name in ("key_length", "value_length")]
    scaled = [source.setting(f"rope.{name}", 1) for name in ("scale_linear", "scaling.factor")]
    if source.setting("rope.scaling.type", "none") != "none" or scaled != [1, 1]:
        yield "it scales its rotary positions"
    if source.setting("expert_count", 0):
        yield "it has experts"
    if any(isinstance(count, list) for count in heads) or (widths[1] is not None and widths[0] != widths[1]):
        yield "its heads differ from each other"
    matrices = {f"blk.{layer}.{name}.weight" for layer in range(int(source.setting("block_count"))) for name in MATRICES}
    known = matrices | {name.replace(".weight", ".bias") for name in matrices}
    known |= {f"blk.{layer}.{norm}.weight" for layer in range(int(source.setting("block_count"))) for norm in ("attn_norm", "ffn_norm")}
    known |= {"token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"}
    for name in sorted(source.tensors.keys() - known):
        yield f"its tensor {name} is not known"
    size = sum(int(tensor.n_elements) for tensor in source.reader.tensors) * (4 if precision == "fp32" else 1)
    if size > MAX_BYTES:
        yield f"it would have {size / 1e9:.1f} GB, and a file may have {MAX_BYTES / 1e9:.0f}"
    for adapter in adapters:
        try:
            unknown = sorted(_targets(adapter) - matrices)
        except EdgeError as err:
            yield str(err)
        else:
            yield from (f"adapter {adapter.name} changes {name}, for which a graph has no place" for name in unknown)


def _targets(adapter: Path) -> set[str]:
    """The tensors that a LoRA changes."""
    return {name.rpartition(".lora_")[0] for name in read_lora(adapter)[1]}


@dataclass(frozen=True)
class _Source:
    """A GGUF's settings and weights, in float32."""

    reader: gguf.GGUFReader
    path: Path

    @cached_property
    def architecture(self) -> str:
        return str(self.reader.fields["general.architecture"].contents())

    @cached_property
    def tensors(self) -> dict[str, gguf.ReaderTensor]:
        return {tensor.name: tensor for tensor in self.reader.tensors}

    def setting(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 -- a GGUF key holds anything
        field = self.reader.fields.get(f"{self.architecture}.{name}")
        return default if field is None else field.contents()

    def weights(self, name: str) -> Weights:
        if name not in self.tensors:
            msg = f"{self.path} has no tensor {name}: give a whole model, or use graph = 'none'"
            raise LlmError(msg)
        weights = np.array(gguf.dequantize(self.tensors[name].data, self.tensors[name].tensor_type), np.float32)
        if not np.isfinite(weights).all():
            msg = f"{self.path} has weights in {name} that are not finite: take the model from its source again"
            raise LlmError(msg)
        return weights


class _Writer:
    """Collects nodes and weights in the order of the computation."""

    def __init__(self, source: _Source, precision: GraphPrecision, adapted: set[str]) -> None:
        self._source = source
        self._precision = precision
        self._adapted = adapted
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._bounds: dict[str, float] = {}
        self._heads = int(source.setting("attention.head_count"))
        self._groups = int(source.setting("attention.head_count_kv", self._heads))
        self._width = int(source.setting("attention.key_length", source.setting("embedding_length") // self._heads))
        self._epsilon = float(source.setting("attention.layer_norm_rms_epsilon"))

    def model(self, context_tokens: int) -> onnx.ModelProto:
        """The whole graph."""
        self._input("tokens", ["T"], TensorProto.INT64)
        self._input("positions", ["T"], TensorProto.INT64)
        self._input("attention_bias", ["T", "P + T"])
        self._input("rows", ["R"], TensorProto.INT64)
        self._prepare(context_tokens)
        layers = int(self._source.setting("block_count"))
        self._fine_from = layers * 2 // 3
        residual = self._embedded()
        first = self._norm("blk.0.attn_norm")
        read = self._bounded(self._add("SimplifiedLayerNormalization", residual, first, axis=-1, epsilon=self._epsilon), first)
        for layer in range(layers):
            stem = f"blk.{layer}"
            read, residual = self._joined(self._attention(read, layer), residual, f"{stem}.ffn_norm")
            after = f"blk.{layer + 1}.attn_norm" if layer + 1 < layers else "output_norm"
            read, residual = self._joined(self._feed_forward(read, layer), residual, after)
        self._logits(self._bounded(self._add("Gather", read, "rows", axis=0), "output_norm.weight"))
        graph = helper.make_graph(self._nodes, "language_model", self._inputs, self._outputs, list(self._weights.values()))
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="kotoba-export")

    def _prepare(self, context_tokens: int) -> None:
        """What all layers read."""
        turned = int(self._source.setting("rope.dimension_count", self._width))
        frequencies = float(self._source.setting("rope.freq_base", 10_000.0)) ** -(np.arange(0, turned, 2) / turned)
        if "rope_freqs.weight" in self._source.tensors:
            frequencies = frequencies / self._source.weights("rope_freqs.weight")
        angles = np.arange(context_tokens)[:, None] * frequencies
        self._constant("cos", np.cos(angles).astype(np.float32))
        self._constant("sin", np.sin(angles).astype(np.float32))
        self._turned = turned
        self._batch_of_one = self._constant("batch_of_one", np.array([0], np.int64))
        self._places = self._add("Unsqueeze", "positions", self._batch_of_one)
        heads = self._constant("heads", np.array([self._heads], np.int64))
        groups = self._constant("groups", np.array([self._groups, -1], np.int64))
        shape = self._add("Shape", "attention_bias")
        self._by_head = self._add("Concat", heads, shape, axis=0)
        self._by_group = self._add("Concat", groups, self._add("Shape", "attention_bias", start=1), axis=0)

    def _embedded(self) -> str:
        table = self._source.weights("token_embd.weight")
        if self._precision == "fp32":
            return self._add("Gather", self._constant("token_embd.weight", table), "tokens", axis=0)
        rows, scales = _rounded(table, LEVELS[self._precision])
        read = self._add("Cast", self._add("Gather", self._constant("token_embd.weight", rows), "tokens", axis=0), to=TensorProto.FLOAT)
        scale = self._add("Gather", self._constant("token_embd.scale", scales[:, None]), "tokens", axis=0)
        return self._add("Mul", read, scale)

    def _logits(self, read: str) -> None:
        if "output.weight" in self._source.tensors:
            (logits,) = self._products(read, {"output": self._source.weights("output.weight")})
        else:
            # The table of the words once more, stored once; onnxruntime turns it when it loads the graph.
            head = self._add("Transpose", "token_embd.weight", perm=[1, 0])
            if self._precision == "fp32":
                logits = self._add("MatMul", read, head)
            else:
                scales = self._constant("output.scale", numpy_helper.to_array(self._weights["token_embd.scale"])[:, 0])
                logits = self._product(*self._parts(read), head, scales)
        # The norm's bound says nothing of a residual that is not finite.
        self._add("Add", logits, self._nought_of(read, int(self._source.setting("embedding_length"))))
        self._output("logits", ["R", len(self._source.reader.fields["tokenizer.ggml.tokens"].data)])

    def _attention(self, read: str, layer: int) -> str:
        stem = f"blk.{layer}.attn"
        query, key, value = self._linear(read, layer, (f"{stem}_q", f"{stem}_k", f"{stem}_v"))
        by_head = self._constant("by_head", np.array([-1, self._heads, self._width], np.int64))
        by_group = self._constant("by_group", np.array([-1, self._groups, self._width], np.int64))
        stacked = self._constant("stacked", np.array([self._groups, -1, self._width], np.int64))
        in_row = self._constant("in_row", np.array([-1, self._heads * self._width], np.int64))
        split = self._constant("split", np.array([self._heads, -1, self._width], np.int64))

        def heads_first(states: str, shape: str) -> str:
            return self._add("Transpose", self._add("Reshape", states, shape), perm=[1, 0, 2])

        query = self._add("Reshape", heads_first(self._rotary(query, self._heads), by_head), stacked)
        kept = []
        for kind, states in (("key", self._rotary(key, self._groups)), ("value", value)):
            past = self._input(f"past_{kind}.{layer}", [self._groups, "P", self._width])
            heads_first(states, by_group)
            present = self._output(f"present_{kind}.{layer}", [self._groups, "T", self._width])
            kept.append(self._add("Concat", past, present, axis=1))
        # The queries of all heads that share a key stand below each other.
        scores = self._add("FusedMatMul", query, kept[0], domain=MICROSOFT, transB=1, alpha=self._width**-0.5)
        scores = self._add("Add", self._add("Reshape", scores, self._by_head), "attention_bias")
        scores = self._add("Reshape", self._add("Softmax", scores, axis=-1), self._by_group)
        mixed = self._add("Reshape", self._add("MatMul", scores, kept[1]), split)
        return self._linear(self._add("Reshape", self._add("Transpose", mixed, perm=[1, 0, 2]), in_row), layer, (f"{stem}_output",))[0]

    def _feed_forward(self, read: str, layer: int) -> str:
        stem = f"blk.{layer}"
        gate, up = self._linear(read, layer, (f"{stem}.ffn_gate", f"{stem}.ffn_up"))
        # x * sigmoid(x): SiLU.
        opened = self._add("QuickGelu", gate, domain=MICROSOFT, alpha=1.0)
        return self._linear(self._add("Mul", opened, up), layer, (f"{stem}.ffn_down",))[0]

    def _rotary(self, states: str, heads: int) -> str:
        batched = self._add("Unsqueeze", states, self._batch_of_one)
        return self._add(
            "RotaryEmbedding", batched, self._places, "cos", "sin",
            domain=MICROSOFT, interleaved=int(INTERLEAVED[self._source.architecture]), num_heads=heads, rotary_embedding_dim=self._turned,
        )  # fmt: skip

    def _joined(self, states: str, residual: str, norm: str) -> tuple[str, str]:
        """Normalised sum, and the sum."""
        total = f"{norm}.residual"
        outputs = (f"{norm}.read", "", "", total)
        weight = self._norm(norm)
        self._nodes.append(
            helper.make_node(
                "SkipSimplifiedLayerNormalization", [states, residual, weight], outputs, domain=MICROSOFT, name=norm, epsilon=self._epsilon
            )
        )
        return self._bounded(outputs[0], weight), total

    def _bounded(self, normalised: str, weight: str) -> str:
        """What a norm gives is at most the root of its width times its largest weight, whatever the tokens."""
        values = numpy_helper.to_array(self._weights[weight])
        self._bounds[normalised] = float(values.size**0.5 * np.abs(values).max())
        return normalised

    def _norm(self, name: str) -> str:
        return self._constant(f"{name}.weight", self._source.weights(f"{name}.weight"))

    def _linear(self, read: str, layer: int, names: Sequence[str]) -> list[str]:
        """Products of one input with matrices by their GGUF names, with bias and adapter where there are any."""
        results = []
        matrices = {name: self._source.weights(f"{name}.weight") for name in names}
        for name, product in zip(names, self._products(read, matrices, turned=layer < self._fine_from), strict=True):
            result = product
            if f"{name}.bias" in self._source.tensors:
                result = self._add("Add", result, self._constant(f"{name}.bias", self._source.weights(f"{name}.bias")))
            if f"{name}.weight" in self._adapted:
                columns, rows = (int(size) for size in self._source.tensors[f"{name}.weight"].shape[:2])
                # A name of its own: onnxruntime takes axes of one name for equally long.
                rank = f"rank of {name}"
                narrow = self._add("MatMul", read, self._input(f"{name}.weight.lora_a", [columns, rank]))
                result = self._add("Add", result, self._add("MatMul", narrow, self._input(f"{name}.weight.lora_b", [rank, rows])))
            results.append(result)
        return results

    def _products(self, read: str, matrices: Mapping[str, Weights], *, turned: bool = False) -> list[str]:
        """Products of one input with matrices (out, in)."""
        if self._precision == "fp32":
            return [self._add("MatMul", read, self._constant(f"{name}.weight", matrix.T)) for name, matrix in matrices.items()]
        nought = None if read in self._bounds else self._nought_of(read, next(iter(matrices.values())).shape[1])
        if turned:
            read, matrices = self._turned_by_blocks(read, matrices)
        parts, divisor = self._parts(read, coarse_only=turned, nought=nought)
        results = []
        for name, matrix in matrices.items():
            weights, scales = _rounded(matrix, LEVELS[self._precision])
            stored = self._constant(f"{name}.weight", weights.T), self._constant(f"{name}.scale", scales)
            results.append(self._product(parts, divisor, *stored))
        return results

    def _turned_by_blocks(self, read: str, matrices: Mapping[str, Weights]) -> tuple[str, dict[str, Weights]]:
        columns = next(iter(matrices.values())).shape[1]
        turn = hadamard(columns)
        block = len(turn)
        blocks = self._constant(f"blocks.{block}", np.array([-1, block], np.int64))
        row = self._constant(f"row.{columns}", np.array([-1, columns], np.int64))
        turned = self._add("MatMul", self._add("Reshape", read, blocks), self._constant(f"turn.{block}", turn))
        also = {name: (matrix.reshape(-1, block) @ turn).reshape(matrix.shape) for name, matrix in matrices.items()}
        return self._add("Reshape", turned, row), also

    def _parts(self, read: str, *, coarse_only: bool = False, nought: str | None = None) -> tuple[list[tuple[str, str]], str | None]:
        """U8 activations with the zero at 128, each with its step, and what their rows were divided by, where no bound is known."""
        bound, divisor = None if coarse_only else self._bounds.get(read), None
        if bound is None:
            # A row of noughts is divided by 0 here, and multiplied with it at the end.
            divisor = self._add("ReduceMax", self._add("Abs", read), axes=[-1], keepdims=1)
            if nought is not None:
                divisor = self._add("Add", divisor, nought)
            read, bound = self._add("Div", read, divisor), 1.0
        step = self._constant(f"step.{bound}", np.array(bound / 127, np.float32))
        coarse = self._add("QuantizeLinear", read, step, self._zero())
        if coarse_only:
            return [(coarse, step)], divisor
        rest = self._add("Sub", read, self._add("DequantizeLinear", coarse, step, self._zero()))
        small = self._constant(f"small.{bound}", np.array(bound / 127 / 254, np.float32))
        return [(coarse, step), (self._add("QuantizeLinear", rest, small, self._zero()), small)], divisor

    def _nought_of(self, read: str, columns: int) -> str:
        """0 for each row, but not a number where one of its entries is not finite: a maximum and rounding would hide that."""
        return self._add("MatMul", read, self._constant(f"noughts.{columns}", np.zeros((columns, 1), np.float32)))

    def _zero(self) -> str:
        return self._constant("zero", np.array(128, np.uint8))

    def _product(self, parts: Sequence[tuple[str, str]], divisor: str | None, weights: str, scales: str) -> str:
        first, *others = (
            self._add("MatMulIntegerToFloat", part, weights, step, scales, self._zero(), domain=MICROSOFT) for part, step in parts
        )
        total = self._add("Add", first, *others) if others else first
        return total if divisor is None else self._add("Mul", total, divisor)

    def _add(self, kind: str, *inputs: str, domain: str = "", **settings: Any) -> str:  # noqa: ANN401 -- attributes of a node
        name = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, domain=domain, **settings))
        return name

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def _input(self, name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def _output(self, name: str, shape: list[int | str]) -> str:
        """The last node's value is an output of the graph, under this name."""
        self._nodes[-1].output[0] = name
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name


def hadamard(columns: int) -> Weights:
    """The orthogonal Hadamard matrix of the largest power of two, 64 at most, that divides `columns`; it is its own inverse."""
    matrix = np.ones((1, 1))
    while len(matrix) < 64 and columns % (2 * len(matrix)) == 0:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return (matrix / len(matrix) ** 0.5).astype(np.float32)


def _rounded(weights: Weights, levels: int) -> tuple[NDArray[np.int8], Weights]:
    """S8 in -levels to levels, and the scale of each row."""
    scales = np.maximum(np.abs(weights).max(axis=1), np.finfo(np.float32).tiny) / np.float32(levels)
    return np.rint(weights / scales[:, None]).astype(np.int8), scales.astype(np.float32)
