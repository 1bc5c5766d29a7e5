"""An ONNX graph under construction: nodes, weights, inputs and outputs in the order of the computation."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
"""The domain of onnxruntime's own operators."""


class OnnxNodes:
    """Collects an ONNX graph. A value is known by its name, which every method returns."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401 -- attributes of a node
        """Add a node with one output."""
        name = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def add_named(self, operator: str, name: str, inputs: list[str], outputs: list[str], *, domain: str, **attributes: Any) -> None:  # noqa: ANN401
        """Add a node with a name of its own and several outputs; an output that nobody reads is named ""."""
        self._nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, name=name, **attributes))

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Store an array under `name`, unless there is one of this name already."""
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def values(self, constant: str) -> NDArray[Any]:
        """The array stored under a name."""
        return numpy_helper.to_array(self._weights[constant])

    def input(self, name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> str:
        """Add an input of the graph; a text in `shape` is an axis of any length."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, shape: list[int | str]) -> str:
        """Make the result of the node that was added last an output of the graph, float32, under this name."""
        self._nodes[-1].output[0] = name
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def model(self, name: str) -> onnx.ModelProto:
        """The whole graph, its weights inside."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, list(self._weights.values()))
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="kotoba-export")
