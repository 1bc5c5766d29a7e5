"""PatchCore in small (Roth et al., CVPR 2022): how unlike its nearest known patches is the most unusual patch of a picture?

It learns from good pictures alone, in seconds, so it is what a user would take instead of painted defects. As published: frozen ImageNet
features averaged over 3 x 3 patches, a greedy choice of good patches as memory, the distance to it of the most unusual patch. The paper
joins features of two strides; here it is one, which did as well on source validation. Where else it differs, a constant says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edge.records import Pixels
from export.studies.imagenet import Maps, feature_maps
from export.studies.protocol import Scores

MEMORY_PATCHES = 4_000
"""Patches that are kept: the paper's greedy choice, each next one the farthest from those already kept."""
CANDIDATES = 60_000
"""Good patches among which is chosen, drawn at random. The paper chooses among all."""
PROJECTED = 16
"""Dimensions of the random projection in which the choice is made, as in the paper; distances to the memory are in all dimensions."""
NEIGHBOURS = 3
"""Known patches whose mean distance counts. The paper takes the nearest one and weighs its distance by those of its neighbours."""
AREA = 3
"""Side of the area, in patches, over which features are averaged. Beyond the border they are 0, as published, so that parts with another
border are not all unusual."""
BATCH = 8


def patch_memory_scores(good: Sequence[Pixels], pictures: Sequence[Pixels], *, seed: int) -> Scores:
    """How unusual each picture is beside the good ones, float64 (N,). All uint8 (H, W, 3) BGR, of one size; `seed` draws the memory."""
    return PatchMemory.learn(feature_maps(good, stride=8), seed=seed).scores(feature_maps(pictures, stride=8))


@dataclass(frozen=True, slots=True, eq=False)
class PatchMemory:
    """Known patches, float32 (M, C), in units of the spread of each feature; `mean` and `spread` float32 (C,)."""

    patches: torch.Tensor
    mean: torch.Tensor
    spread: torch.Tensor

    @classmethod
    def learn(cls, good: Maps, *, seed: int) -> PatchMemory:
        """Choose a memory among the features of good pictures."""
        patches = torch.cat([_averaged(good[first : first + BATCH]).flatten(0, 2) for first in range(0, len(good), BATCH)])
        mean, spread = patches.mean(0), patches.std(0) + 1e-6
        rng = np.random.default_rng(seed)
        drawn = rng.permutation(len(patches))[:CANDIDATES]
        candidates = (patches[torch.from_numpy(drawn)] - mean) / spread
        return cls(candidates[_spread_out(candidates, rng)], mean, spread)

    def scores(self, maps: Maps) -> Scores:
        """The distance of the most unusual patch of each picture, float64 (N,)."""
        return np.array([float(self.distances(maps[i : i + 1]).max()) for i in range(len(maps))], np.float64)

    def distances(self, maps: Maps) -> NDArray[np.float32]:
        """The mean distance of each patch to its nearest known ones, float32 (N, h, w)."""
        queries = (_averaged(maps) - self.mean) / self.spread
        flat = queries.flatten(0, 2)
        less_own = torch.addmm(self.patches.square().sum(1), flat, self.patches.T, alpha=-2)
        nearest = less_own.topk(min(NEIGHBOURS, len(self.patches)), dim=1, largest=False).values + flat.square().sum(1, keepdim=True)
        return np.asarray(nearest.clamp_min(0).sqrt().mean(1).reshape(queries.shape[:3]).numpy(), np.float32)


def _spread_out(candidates: torch.Tensor, rng: np.random.Generator) -> list[int]:
    """Rows of up to MEMORY_PATCHES candidates, float32 (N, C): the first one, then always the farthest from those chosen before."""
    projected = candidates @ torch.from_numpy(rng.standard_normal((candidates.shape[1], PROJECTED), np.float32))
    squares = projected.square().sum(1)
    nearest = torch.full_like(squares, torch.inf)
    chosen = [0]
    while len(chosen) < min(MEMORY_PATCHES, len(candidates)):
        last = chosen[-1]
        nearest = torch.minimum(nearest, torch.addmv(squares + squares[last], projected, projected[last], alpha=-2))
        chosen.append(int(nearest.argmax()))
    return chosen


def _averaged(maps: Maps) -> torch.Tensor:
    """Features averaged over neighbouring patches, float32 (N, h, w, C)."""
    channels_first = torch.from_numpy(np.asarray(maps, np.float32)).permute(0, 3, 1, 2)
    return torch.nn.functional.avg_pool2d(channels_first, AREA, 1, AREA // 2).permute(0, 2, 3, 1)
