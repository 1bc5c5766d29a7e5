"""The trunk of the eye: a frozen network whose features of a picture tails learn from. Each kind of trunk has a module of its own."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from firmware_config.describers import ImagePreprocess

STRIDE = 16
"""Pixels between two places of a tail's far map; painted patches have this side."""
NEAR, FAR = 96, 192
"""Channels of a tail's two maps."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a trunk takes: its number of `weights`, the `products` (multiplications) for one picture, and the bytes of one batch at once."""

    weights: int
    products: int
    batch_bytes: int


class Trunk(Protocol):
    """A frozen network for pictures of one side."""

    @property
    def title(self) -> str:
        """What a person reads of it."""

    @property
    def preprocess(self) -> ImagePreprocess:
        """How a picture becomes its `pixel_values`, float32 (B, 3, S, S)."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the front's features of one picture."""

    @property
    def known(self) -> int:
        """So many of the first channels say what a picture is made of; a station's memory of known pictures reads them."""

    @property
    def batch(self) -> int:
        """The number of pictures that the front takes at once."""

    @property
    def work(self) -> Work:
        """What it takes."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the user that decide the features."""

    def front(self) -> nn.Module:
        """The frozen part: `pixel_values` to features float32 (B, *shape).

        Raises:
            SpecError: a file of the user cannot be read.
        """

    def tail(self) -> Tail:
        """A new tail."""


class Tail(Protocol):
    """The part that learns, an `nn.Module`. `blocks` are those that were trained before and learn more slowly."""

    blocks: nn.Sequential

    def __call__(self, front: Tensor, /) -> tuple[Tensor, Tensor]:
        """Features of the front to two maps >= 0: near float32 (B, NEAR, h, w) and far (B, FAR, s, s), s = map_side(S)."""


def map_side(pixels: int) -> int:
    """Rows and columns of the far map of a picture with this side."""
    return ceil(pixels / STRIDE)


def point_wise(channels: int, out: int) -> nn.Sequential:
    """A layer that mixes the channels of each place."""
    return nn.Sequential(nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())
