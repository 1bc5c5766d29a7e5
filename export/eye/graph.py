"""Write a module of the eye as an ONNX graph. Optimum knows no convolutional tower of CLIP or BLIP, so torch's exporter does it alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

OPSET = 17


def write_graph(module: nn.Module, example: Tensor, path: Path, *, inputs: str, outputs: Sequence[str], batched: bool = False) -> None:
    """Write a module with one input; with `batched` the graph takes any number of pictures at once."""
    axes = {name: {0: "batch"} for name in (inputs, *outputs)} if batched else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own: the exporter that it recommends instead needs another package
        torch.onnx.export(
            module.eval(), (example,), str(path), input_names=[inputs], output_names=list(outputs), dynamic_axes=axes,
            opset_version=OPSET, dynamo=False,
        )  # fmt: skip
