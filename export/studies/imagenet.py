"""Frozen ImageNet features of EfficientNet-Lite0. Its weights lie inside a package (Apache-2.0), so nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from edge.records import Pixels
from export.eye.efficientnet import imagenet

Maps = NDArray[np.float16]
"""Features of N pictures, float16 (N, H / stride, W / stride, C)."""

BLOCKS = {8: 5, 16: 11}
"""By stride: how many blocks come before the next halving. They end with 40 and with 112 channels."""
MEAN, SPREAD = 127.0, 128.0
"""Grey levels 0..255 as the network was trained on them: (level - MEAN) / SPREAD."""
BATCH = 16


def feature_maps(pictures: Sequence[Pixels], *, stride: Literal[8, 16]) -> Maps:
    """The features after the last block of a stride. `pictures` uint8 (H, W, 3) BGR, all of one size."""
    network = imagenet()

    def front(pixel_values: torch.Tensor) -> torch.Tensor:
        x = network._swish(network._bn0(network._conv_stem(pixel_values)))  # noqa: SLF001 -- the package has no other way to them
        for block in network._blocks[: BLOCKS[stride]]:  # noqa: SLF001
            x = block(x)
        return x.permute(0, 2, 3, 1)

    return _in_batches(front, pictures).astype(np.float16)


def pooled_features(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
    """The features before the classifier, averaged over the picture, float32 (N, 1280). `pictures` as for `feature_maps`."""
    network = imagenet()
    return _in_batches(lambda pixel_values: network.extract_features(pixel_values).mean((2, 3)), pictures)


def kept(path: Path, make: Callable[[], NDArray[np.generic]]) -> NDArray[np.generic]:
    """The array of a .npy file, which is made first if it is not there. Whoever names the file answers for what it was made from."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npy")
        np.save(unfinished, make())
        unfinished.rename(path)
    return np.asarray(np.load(path, mmap_mode="r"))


def _in_batches(run: Callable[[torch.Tensor], torch.Tensor], pictures: Sequence[Pixels]) -> NDArray[np.float32]:
    found = []
    with torch.inference_mode():
        for first in range(0, len(pictures), BATCH):
            batch = np.stack(pictures[first : first + BATCH])[..., ::-1].astype(np.float32)
            found.append(run(torch.from_numpy((batch - MEAN) / SPREAD).permute(0, 3, 1, 2)).numpy())
    return np.concatenate(found)
