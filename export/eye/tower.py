"""The image tower: front, tails and what is pooled from their maps, to CLIP's embedding and to the states that BLIP's decoder reads.

CLIP's image tower may be any network that ends in a vector (its authors published ResNets and transformers); this one is a frozen trunk
(`export.eye.trunk`) at the picture's own scale, which hairlines and weave need, with tails that few pictures teach. What is pooled says
what there is (the strongest features anywhere), what the picture is made of (mean features), and where which kind is (patches of each kind
in a grid of 3 x 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.eye.tail import Taught
from export.eye.trunk import FAR, NEAR

GRID = 3


def pooled_width(kinds: int, tails: int) -> int:
    """The number of pooled features of a picture."""
    return tails * (2 * (NEAR + FAR) + (kinds + 1) * (2 * GRID * GRID + 1) + 1)


def logit_columns(kinds: int, tails: int) -> list[int]:
    """The pooled features that are the tails' logits of "defective": the last one of each tail."""
    return [pooled_width(kinds, count) - 1 for count in range(1, tails + 1)]


def pooled(tails: Sequence[Taught], front: Tensor, *, side: int) -> Tensor:
    """The pooled features of pictures, float32 (B, pooled_width), from the front's features float32 (B, C, h, w).

    `side` is the number of rows and columns of the far maps, which a graph needs to know beforehand.
    """
    rows = []
    for taught in tails:
        near, far = taught.tail(front)
        strongest = torch.cat([near.amax((2, 3)), far.amax((2, 3))], 1)
        patches = taught.patch(far)
        shares = patches.softmax(1)
        grid = torch.cat([part.amax((2, 3)) for part in _cells(patches, side)], 1)
        areas = torch.cat([part.mean((2, 3)) for part in _cells(shares, side)], 1)
        means = torch.cat([near.mean((2, 3)), far.mean((2, 3)), shares.mean((2, 3))], 1)
        rows += [strongest, means, grid, areas, taught.defective(strongest)]
    return torch.cat(rows, 1)


def _cells(maps: Tensor, side: int) -> list[Tensor]:
    """The nine parts of maps (B, C, side, side), row by row."""
    edges = [side * number // GRID for number in range(GRID + 1)]
    return [maps[:, :, top:bottom, left:right] for top, bottom in pairwise(edges) for left, right in pairwise(edges)]


class Projection(nn.Module):
    """Pooled features (B, P) to an embedding of unit length (B, D). Linear: a hidden layer learns the good pictures by heart."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.linear = nn.Linear(width, dim)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        return functional.normalize(self.linear((features - self.mean) / self.deviation), dim=-1)


class ImageTower(nn.Module):
    """CLIP's image tower: `pixel_values` float32 (B, 3, S, S) to `image_embeds` (B, D) and `patch_features` (B, 2 * known).

    The patch features, by which a station knows its parts, are mean and deviation of the frozen front's `known` first channels: they know
    nothing of the product.
    """

    def __init__(self, front: nn.Module, tails: Sequence[Taught], projection: Projection, *, side: int, known: int) -> None:
        super().__init__()
        self.front, self.tails, self.projection, self.side, self.known = front, nn.ModuleList(tails), projection, side, known

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        front = self.front(pixel_values)
        return self.projection(pooled(list(self.tails), front, side=self.side)), _mean_and_deviation(front[:, : self.known])


class CaptionStates(nn.Module):
    """The states that captions are written from: (B, 1 + places, D), one of the whole picture and one of each place of the far maps."""

    def __init__(self, tails: int, kinds: int, dim: int, *, side: int) -> None:
        super().__init__()
        self.side = side
        self.places = nn.Linear(tails * (FAR + kinds + 1), dim)
        self.whole = nn.Linear(pooled_width(kinds, tails), dim)
        self.positions = nn.Parameter(torch.randn(side**2, dim) * 0.02)
        self.norm = nn.LayerNorm(dim)
        self.register_buffer("mean", torch.zeros(self.whole.in_features))
        self.register_buffer("deviation", torch.ones(self.whole.in_features))

    def forward(self, maps: Tensor, features: Tensor) -> Tensor:
        """`maps` (B, tails * (192 + K + 1), side, side) of `caption_maps` and `features` (B, P) of `pooled` to the states."""
        places = self.places(maps.flatten(2).transpose(1, 2)) + self.positions
        whole = self.whole((features - self.mean) / self.deviation)[:, None]
        return self.norm(torch.cat([whole, places], 1))


def caption_maps(tails: Sequence[Taught], front: Tensor) -> Tensor:
    """Far maps and patch kinds of some tails."""
    maps = []
    for taught in tails:
        _, far = taught.tail(front)
        maps += [far, taught.patch(far).softmax(1)]
    return torch.cat(maps, 1)


class CaptionTower(nn.Module):
    """The whole way from pixels to caption states, in the shape in which BLIP's exporter calls a vision model."""

    def __init__(self, front: nn.Module, tails: Sequence[Taught], states: CaptionStates) -> None:
        super().__init__()
        self.front, self.tails, self.states = front, nn.ModuleList(tails), states

    def forward(self, pixel_values: Tensor) -> SimpleNamespace:
        """An object with `last_hidden_state` (B, 1 + places, D)."""
        front, tails = self.front(pixel_values), list(self.tails)
        features = pooled(tails, front, side=self.states.side)
        return SimpleNamespace(last_hidden_state=self.states(caption_maps(tails, front), features))


def _mean_and_deviation(front: Tensor) -> Tensor:
    rows = front.flatten(2)
    mean = rows.mean(2)
    return torch.cat([mean, (rows - mean[..., None]).square().mean(2).sqrt()], -1)
