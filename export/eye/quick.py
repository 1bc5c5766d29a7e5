"""Frozen parts of the eye in onnxruntime, which takes a fifth of torch's time for the same numbers on a processor."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.eye.tail import Taught
from export.eye.tower import caption_maps, pooled
from export.eye.trunk import FRONT_CHANNELS, Front, map_side

OPSET = 17

Look = Callable[[NDArray[np.floating]], tuple[NDArray[np.float32], ...]]
"""Takes a batch, gives its features."""


def open_front(side: int) -> Callable[[NDArray[np.float32]], NDArray[np.float16]]:
    """The front: pixel_values float32 (B, 3, side, side) to features float16 (B, 40, h, h)."""
    look = _session(Front(side), torch.zeros(1, 3, side, side), ["features"])
    return lambda pixel_values: look(pixel_values)[0].astype(np.float16)


def open_tails(tails: Sequence[Taught], side: int) -> Look:
    """Some tails: features of the front, (B, 40, h, h), to what is pooled, (B, P), and the maps for captions, (B, C, h / 2, h / 2)."""
    height = 2 * map_side(side)
    return _session(_Pooled(tails, map_side(side)), torch.zeros(1, FRONT_CHANNELS, height, height), ["pooled", "maps"])


class _Pooled(nn.Module):
    def __init__(self, tails: Sequence[Taught], side: int) -> None:
        super().__init__()
        self.tails, self.side = nn.ModuleList(tails), side

    def forward(self, front: Tensor) -> tuple[Tensor, Tensor]:
        tails = list(self.tails)
        return pooled(tails, front, side=self.side), caption_maps(tails, front)


def _session(module: nn.Module, example: Tensor, outputs: list[str]) -> Look:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "module.onnx"
        axes = {name: {0: "batch"} for name in ("batch", *outputs)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own deprecations
            torch.onnx.export(
                module.eval(), (example,), str(path), input_names=["batch"], output_names=outputs, dynamic_axes=axes, opset_version=OPSET,
                dynamo=False,
            )  # fmt: skip
        session = ort.InferenceSession(str(path), providers=ort.get_available_providers())
    return lambda batch: tuple(session.run(None, {"batch": np.asarray(batch, np.float32)}))
