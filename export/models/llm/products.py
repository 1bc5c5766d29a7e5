"""Products of activations with weight matrices, in fp32 or in int8 with S8 weights and U8 activations.

Weights have a scale for each output channel, activations a scale for each token. Activations are rounded in one of two ways:

- Rotated: both factors are first multiplied by a Hadamard matrix in blocks of 64 channels. The product stays the same, and an outlier is
  spread over its block (after QuaRot, arXiv 2404.00456). Then each activation is rounded to 8 bits.
- In two parts: each activation is the sum of a coarse and a fine part of 8 bits each, together some 15 bits.

docs/decisions/0008 compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from export.models.llm.gguf_weights import Weights
from export.models.llm.onnx_nodes import MICROSOFT, OnnxNodes
from firmware_config.board import GraphPrecision

LEVELS = {"int8": 63, "int8-full": 127}
"""Largest weight: with 7 bits no sum of two products overflows 16 bits on a processor without VNNI (see `export.models.quantize`)."""

LARGEST_BLOCK = 64
"""Channels that one Hadamard matrix mixes."""

Part: TypeAlias = tuple[str, str]
"""Names of U8 activations with their zero at 128, and of their step."""


class Products:
    """Adds products to `nodes`, in one precision."""

    def __init__(self, nodes: OnnxNodes, precision: GraphPrecision) -> None:
        self._nodes = nodes
        self._precision = precision
        self._bounds: dict[str, float] = {}

    def bounded_by_norm(self, normalised: str, weight: str) -> str:
        """Note that `normalised` (T, n) is the result of an RMS norm with `weight` (n,); returns `normalised`.

        Whatever the tokens are, its entries are at most the root of n times the largest weight. So its scale need not be computed.
        """
        values = self._nodes.values(weight)
        self._bounds[normalised] = float(values.size**0.5 * np.abs(values).max())
        return normalised

    def table(self, weights: Weights, tokens: str) -> str:
        """The rows of the word table, float32 (V, n), for `tokens` int64 (T,): float32 (T, n)."""
        nodes = self._nodes
        if self._precision == "fp32":
            return nodes.add("Gather", nodes.constant("token_embd.weight", weights), tokens, axis=0)
        rows, scales = _rounded(weights, LEVELS[self._precision])
        read = nodes.add("Cast", nodes.add("Gather", nodes.constant("token_embd.weight", rows), tokens, axis=0), to=TensorProto.FLOAT)
        scale = nodes.add("Gather", nodes.constant("token_embd.scale", scales[:, None]), tokens, axis=0)
        return nodes.add("Mul", read, scale)

    def with_table(self, read: str) -> str:
        """The product of `read` (R, n) with the word table as a tied head: float32 (R, V). The table is stored once."""
        nodes = self._nodes
        # onnxruntime transposes the table once, when it loads the graph.
        head = nodes.add("Transpose", "token_embd.weight", perm=[1, 0])
        if self._precision == "fp32":
            return nodes.add("MatMul", read, head)
        scales = nodes.constant("output.scale", nodes.values("token_embd.scale")[:, 0])
        return self._product(*self._parts(read), head, scales)

    def with_matrices(self, read: str, matrices: Mapping[str, Weights], *, rotated: bool = False) -> list[str]:
        """The products of `read` (T, in) with matrices float32 (out, in), by their names: float32 (T, out) each."""
        nodes = self._nodes
        if self._precision == "fp32":
            return [nodes.add("MatMul", read, nodes.constant(f"{name}.weight", matrix.T)) for name, matrix in matrices.items()]
        zero_or_nan = None if read in self._bounds else self.zero_or_nan(read, next(iter(matrices.values())).shape[1])
        if rotated:
            read, matrices = self._rotated(read, matrices)
        parts, divisor = self._parts(read, coarse_only=rotated, zero_or_nan=zero_or_nan)
        results = []
        for name, matrix in matrices.items():
            weights, scales = _rounded(matrix, LEVELS[self._precision])
            stored = nodes.constant(f"{name}.weight", weights.T), nodes.constant(f"{name}.scale", scales)
            results.append(self._product(parts, divisor, *stored))
        return results

    def zero_or_nan(self, read: str, columns: int) -> str:
        """0 for each row of `read` (T, columns), NaN where an entry is not finite, float32 (T, 1): maximum and rounding hide a NaN."""
        zeros = self._nodes.constant(f"noughts.{columns}", np.zeros((columns, 1), np.float32))  # a name that is part of every graph's bytes
        return self._nodes.add("MatMul", read, zeros)

    def _rotated(self, read: str, matrices: Mapping[str, Weights]) -> tuple[str, dict[str, Weights]]:
        """Both factors of a product, multiplied by a Hadamard matrix in blocks; shapes stay."""
        nodes, columns = self._nodes, next(iter(matrices.values())).shape[1]
        rotation = hadamard(columns)
        block = len(rotation)
        blocks = nodes.constant(f"blocks.{block}", np.array([-1, block], np.int64))
        row = nodes.constant(f"row.{columns}", np.array([-1, columns], np.int64))
        rotated = nodes.add("MatMul", nodes.add("Reshape", read, blocks), nodes.constant(f"turn.{block}", rotation))
        weights = {name: (matrix.reshape(-1, block) @ rotation).reshape(matrix.shape) for name, matrix in matrices.items()}
        return nodes.add("Reshape", rotated, row), weights

    def _parts(self, read: str, *, coarse_only: bool = False, zero_or_nan: str | None = None) -> tuple[list[Part], str | None]:
        """The rounded parts of `read` (T, n), and what each row was divided by before, (T, 1); None where a bound is known."""
        nodes = self._nodes
        bound, divisor = None if coarse_only else self._bounds.get(read), None
        if bound is None:
            # A row of zeros becomes NaN here, rounds to any number, and is multiplied by its divisor 0 at the end.
            divisor = nodes.add("ReduceMax", nodes.add("Abs", read), axes=[-1], keepdims=1)
            if zero_or_nan is not None:
                divisor = nodes.add("Add", divisor, zero_or_nan)
            read, bound = nodes.add("Div", read, divisor), 1.0
        step = nodes.constant(f"step.{bound}", np.array(bound / 127, np.float32))
        coarse = nodes.add("QuantizeLinear", read, step, self._zero_point())
        if coarse_only:
            return [(coarse, step)], divisor
        rest = nodes.add("Sub", read, nodes.add("DequantizeLinear", coarse, step, self._zero_point()))
        fine_step = nodes.constant(f"small.{bound}", np.array(bound / 127 / 254, np.float32))
        return [(coarse, step), (nodes.add("QuantizeLinear", rest, fine_step, self._zero_point()), fine_step)], divisor

    def _zero_point(self) -> str:
        return self._nodes.constant("zero", np.array(128, np.uint8))

    def _product(self, parts: Sequence[Part], divisor: str | None, weights: str, scales: str) -> str:
        first, *others = (
            self._nodes.add("MatMulIntegerToFloat", part, weights, step, scales, self._zero_point(), domain=MICROSOFT)
            for part, step in parts
        )
        total = self._nodes.add("Add", first, *others) if others else first
        return total if divisor is None else self._nodes.add("Mul", total, divisor)


def hadamard(columns: int) -> Weights:
    """The orthogonal Hadamard matrix float32 (n, n) of the largest power of two n, 64 at most, that divides `columns`.

    It is its own inverse.
    """
    matrix = np.ones((1, 1))
    while len(matrix) < LARGEST_BLOCK and columns % (2 * len(matrix)) == 0:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return (matrix / len(matrix) ** 0.5).astype(np.float32)


def _rounded(weights: Weights, levels: int) -> tuple[NDArray[np.int8], Weights]:
    """A matrix float32 (out, in) as int8 in -levels to levels, and the scale of each row, float32 (out,)."""
    scales = np.maximum(np.abs(weights).max(axis=1), np.finfo(np.float32).tiny) / np.float32(levels)
    return np.rint(weights / scales[:, None]).astype(np.int8), scales.astype(np.float32)
