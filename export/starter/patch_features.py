"""Give the vision graph of the starter's CLIP its second output, the patch features, without its trained towers.

The graph in `weights/` was converted before graphs had that output; `convert.py` would write it today. Weights and embeddings stay as they
are, bit for bit. `python -m export.starter.patch_features` rewrites `weights/clip/vision.onnx`; a graph that has the output is left alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GRAPH = Path(__file__).parent / "weights/clip/vision.onnx"
STATES = "/vision_model/encoder/layers.1/Add_1_output_0"
"""The states half way up the tower of five layers, float32 (B, 1 + P, W): those after the second layer."""
OUTPUT = "patch_features"


def main() -> None:
    """Rewrite the graph."""
    model = onnx.load(GRAPH)
    if OUTPUT not in {output.name for output in model.graph.output}:
        _add_output(model.graph)
        onnx.checker.check_model(model)
        onnx.save(model, GRAPH)


def _add_output(graph: onnx.GraphProto) -> None:
    """Append mean and standard deviation of the states over the patches; the class token, row 0, is left out."""
    for name, value in (("first", [1]), ("end", [np.iinfo(np.int64).max]), ("rows", [1])):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), f"patch/{name}"))
    graph.node.extend(
        [
            helper.make_node("Slice", [STATES, "patch/first", "patch/end", "patch/rows"], ["patch/states"]),
            helper.make_node("ReduceMean", ["patch/states"], ["patch/row"], axes=[1], keepdims=1),
            helper.make_node("Sub", ["patch/states", "patch/row"], ["patch/residuals"]),
            helper.make_node("Mul", ["patch/residuals", "patch/residuals"], ["patch/squares"]),
            helper.make_node("ReduceMean", ["patch/squares"], ["patch/variance"], axes=[1], keepdims=0),
            helper.make_node("Sqrt", ["patch/variance"], ["patch/deviation"]),
            helper.make_node("ReduceMean", ["patch/states"], ["patch/mean"], axes=[1], keepdims=0),
            helper.make_node("Concat", ["patch/mean", "patch/deviation"], [OUTPUT], axis=-1),
        ]
    )
    width = next(value for value in graph.output if value.name == "image_embeds").type.tensor_type.shape.dim[1].dim_value
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", 2 * width]))


if __name__ == "__main__":
    main()
