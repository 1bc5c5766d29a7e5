"""Which layers lose the most: a graph is quantized again and again, each time one type of layer only, and measured."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from export.models.quantize import Inputs, changing, quantize
from export.proof.figures import Suspect
from firmware_config.board import Precision

DEPTH = 3
"""Parts of a layer's name that tell its type, such as crossattention/self/query."""


def layer_type(node: str) -> str:
    """The type of a layer by its node's name: "/model/encoder/layers.3/mlp/fc1/MatMul" is "encoder/mlp/fc1"."""
    parts = [part for part in node.strip("/").split("/")[:-1] if not part.rpartition(".")[2].isdigit()]
    return "/".join(parts[-DEPTH:]) or node


def suspects(
    stage: str, graph: Path, precision: Precision, measure: Callable[[Path], float], *, samples: Sequence[Inputs] = ()
) -> tuple[Suspect, ...]:
    """The types of layers of an fp32 graph, worst first; `measure` gives the cosine of a graph in another precision to its original."""
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
