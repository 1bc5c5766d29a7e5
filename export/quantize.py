"""Int8 for CPUs: dynamic, S8 weights per channel, MatMul and Gemm only.

The patch convolution stays fp32 (onnxruntime #12854). Weights keep 7 bits: without VNNI, AVX2 adds pairs of U8 x S8 products in 16 bits
and saturates with 8-bit weights (onnxruntime's own advice for such CPUs is `reduce_range`), so the same bundle would give other words on
another box.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic


def quantize_int8(source: Path, target: Path, *, reduce_range: bool = True) -> None:
    """Write an int8 copy of a graph, its weights inside the file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        reduce_range=reduce_range,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )
    onnx.checker.check_model(onnx.load(target))


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean cosine of rows, (N, D) each."""
    a = one / np.linalg.norm(one, axis=-1, keepdims=True)
    b = other / np.linalg.norm(other, axis=-1, keepdims=True)
    return float((a * b).sum(-1).mean())
