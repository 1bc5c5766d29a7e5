"""Quantize a graph. All precisions but fp16 change only products with weights; the products inside attention stay as they are.

`int8`: dynamic, S8 weights per channel, MatMul and Gemm only. The patch convolution stays fp32 (onnxruntime #12854). Weights keep 7 bits:
without VNNI, AVX2 adds pairs of U8 x S8 products in 16 bits and saturates with 8-bit weights (onnxruntime's own advice for such CPUs is
`reduce_range`), so the same bundle would give other words on another box. `int8-full` keeps all 8 bits, for boards with VNNI or on ARM.
`int8-static`: U8 activations with scales from calibration pictures (QDQ), and the patch convolution, for OpenVINO and accelerators that
want it. What a product gives is not quantized: the residual keeps its digits, and OpenVINO has its fast kernels.
`int4`: weights only, blocks of 32, which pays where one token at a time is read: the decoder.
`fp16`: for GPUs; inputs and outputs stay fp32.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from firmware_config.board import Precision

PRODUCTS = ["MatMul", "Gemm"]
INT4_BLOCK = 32

Inputs = dict[str, NDArray[Any]]


def changing(source: Path, precision: Precision) -> list[str]:
    """The names of the nodes of an fp32 graph that a precision changes."""
    graph = onnx.load(source, load_external_data=False).graph
    kinds, weights = _kinds(precision), {tensor.name for tensor in graph.initializer}
    return [node.name for node in graph.node if node.op_type in kinds and (precision == "fp16" or node.input[1] in weights)]


def _kinds(precision: Precision) -> list[str]:
    return [*PRODUCTS, "Conv"] if precision == "int8-static" else PRODUCTS


def quantize(
    source: Path, target: Path, precision: Precision, *, samples: Sequence[Inputs] = (), nodes: Sequence[str] | None = None
) -> None:
    """Write an fp32 graph in another precision, with the weights inside the file.

    `samples` are inputs that calibrate `int8-static`. `nodes`, a part of `changing`, are the nodes to change; None changes all of them.

    Raises:
        OSError: `source` cannot be read or `target` cannot be written.
        onnx.checker.ValidationError: the result is not a valid graph, which is a bug.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    kinds, names = _kinds(precision), changing(source, precision)
    only = names if nodes is None else list(nodes)
    match precision:
        case _ if precision == "fp32" or not only:  # onnxruntime takes an empty list of nodes for all nodes
            shutil.copyfile(source, target)
        case "fp16":
            graph = onnx.load(source)
            kept = None if nodes is None else [node.name for node in graph.graph.node if node.name not in only]
            half = OnnxModel(convert_float_to_float16(graph, keep_io_types=True, node_block_list=kept))
            half.topological_sort()  # the converter appends its casts at the end
            onnx.save(half.model, target)
        case "int8" | "int8-full":
            quantize_dynamic(
                source,
                target,
                op_types_to_quantize=kinds,
                nodes_to_quantize=[*only, *(f"{name}_MatMul" for name in only)],  # onnxruntime's name of a MatMul that it made of a Gemm
                per_channel=True,
                reduce_range=precision == "int8",
                weight_type=QuantType.QInt8,
            )
        case "int8-static":
            quantize_static(
                source,
                target,
                _Samples(samples),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=kinds,
                nodes_to_quantize=only,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options={"OpTypesToExcludeOutputQuantization": kinds},
            )
        case "int4":
            others = [name for name in names if name not in only]
            quantizer = MatMulNBitsQuantizer(
                onnx.load(source), block_size=INT4_BLOCK, is_symmetric=True, accuracy_level=4, nodes_to_exclude=others
            )
            quantizer.process()
            onnx.save(quantizer.model.model, target)
    onnx.checker.check_model(onnx.load(target))


class _Samples(CalibrationDataReader):
    """The inputs one by one, in the form that onnxruntime's calibrator reads."""

    def __init__(self, samples: Sequence[Inputs]) -> None:
        self._left: Iterator[Inputs] = iter(samples)

    def get_next(self) -> Inputs | None:
        """The next inputs; None after the last."""
        return next(self._left, None)
