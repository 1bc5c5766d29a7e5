"""Find the layers that lose the most: quantize one type of layer at a time and measure the graph."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from export.models.quantize import Inputs, changing, quantize
from export.proof.figures import Suspect
from firmware_config.board import Precision

DEPTH = 3
"""The number of parts of a node's name that make up a layer type, such as crossattention/self/query."""


def layer_type(node: str) -> str:
    """The layer type of a node by its name: "/model/encoder/layers.3/mlp/fc1/MatMul" is "encoder/mlp/fc1"."""
    parts = [part for part in node.strip("/").split("/")[:-1] if not part.rpartition(".")[2].isdigit()]
    return "/".join(parts[-DEPTH:]) or node


def suspects(
    stage: str, graph: Path, precision: Precision, measure: Callable[[Path], float], *, samples: Sequence[Inputs] = ()
) -> tuple[Suspect, ...]:
    """The layer types of an fp32 graph, worst first. `measure` returns the cosine of a quantized graph's outputs to the original's."""
    types: dict[str, list[str]] = defaultdict(list)
    for node in changing(graph, precision):
        types[layer_type(node)].append(node)
    found = []
    with tempfile.TemporaryDirectory(dir=graph.parent) as scratch:
        for layer, nodes in types.items():
            partly = Path(scratch) / "graph.onnx"
            quantize(graph, partly, precision, samples=samples, nodes=nodes)
            found.append(Suspect(stage, layer, len(nodes), measure(partly)))
    return tuple(sorted(found, key=lambda one: one.cosine))
