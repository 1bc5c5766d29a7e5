"""Frozen parts of the eye in onnxruntime, which takes a fifth of torch's time for the same numbers on a processor."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.eye.graph import write_graph
from export.eye.tail import Taught
from export.eye.tower import caption_maps, pooled
from export.eye.trunk import Trunk, map_side

Look = Callable[[NDArray[np.floating]], tuple[NDArray[np.float32], ...]]
"""Takes a batch, gives its features."""


def open_front(trunk: Trunk) -> Callable[[NDArray[np.float32]], NDArray[np.float16]]:
    """The front: pixel_values float32 (B, 3, S, S) to features float16 (B, *trunk.shape)."""
    side = trunk.preprocess.size
    look = _session(trunk.front(), torch.zeros(1, 3, side, side), ["features"])
    return lambda pixel_values: look(pixel_values)[0].astype(np.float16)


def open_tails(trunk: Trunk, tails: Sequence[Taught]) -> Look:
    """Some tails: features of the front, (B, *trunk.shape), to what is pooled, (B, P), and the maps for captions, (B, C, s, s)."""
    return _session(_Pooled(tails, map_side(trunk.preprocess.size)), torch.zeros(1, *trunk.shape), ["pooled", "maps"])


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
        write_graph(module, example, path, inputs="batch", outputs=outputs, batched=True)
        session = ort.InferenceSession(str(path), providers=ort.get_available_providers())
    return lambda batch: tuple(session.run(None, {"batch": np.asarray(batch, np.float32)}))
