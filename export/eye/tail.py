"""Train a tail on painted pictures: is the picture defective, of which kind is it, and of which kind is each of its patches.

Pictures are never seen again after the front: their features are computed once and kept, as float16. So a step costs a tenth of one through
the whole network. Nothing but painted defects and what the caller adds is learned; real defects of the source make a tail worse on other
materials (docs/decisions/0014).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from export.eye.trunk import FAR, NEAR, Tail, Trunk
from export.progress import Report

BATCH_OF_INFERENCE = 64


@dataclass(frozen=True, slots=True)
class TailRecipe:
    """Steps, batch size and peak learning rates of the new layers and (times `trunk`) of those that were trained before."""

    steps: int = 700
    batch: int = 32
    learning_rate: float = 3e-3
    trunk: float = 0.1
    weight_decay: float = 0.02
    average: float = 0.99
    patches: float = 0.3
    kinds: float = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """Painted pictures as a tail learns from them.

    `front` float16 (N, C, h, w), `kinds` int64 (N,), 0 intact, and `patch_kinds` int64 (N, rows, columns) at the far map's size.
    """

    front: NDArray[np.float16]
    kinds: NDArray[np.int64]
    patch_kinds: NDArray[np.int64]


class Taught(nn.Module):
    """A tail and its heads: `defective` (B,) from the strongest features anywhere, `kind` (B, K + 1), `patch` (B, K + 1, rows, columns)."""

    tail: Tail

    def __init__(self, trunk: Trunk, kinds: int) -> None:
        super().__init__()
        self.tail = trunk.tail()
        self.drop = nn.Dropout(0.3)
        self.defective = nn.Linear(NEAR + FAR, 1)
        self.kind = nn.Linear(NEAR + FAR, kinds + 1)
        self.patch = nn.Conv2d(FAR, kinds + 1, 1)

    def forward(self, front: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the three heads."""
        near, far = self.tail(front.contiguous(memory_format=torch.channels_last))  # half the time of the usual layout
        strongest = self.drop(torch.cat([near.amax((2, 3)), far.amax((2, 3))], 1))
        return self.defective(strongest)[:, 0], self.kind(strongest), self.patch(far)


def train_tail(trunk: Trunk, painted: Painted, *, kinds: int, recipe: TailRecipe, seed: int, report: Report) -> Taught:
    """Train one tail of a trunk; returns the moving average of its weights, in evaluation mode."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    taught = Taught(trunk, kinds).train().to(memory_format=torch.channels_last)
    blocks = list(taught.tail.blocks.parameters())
    inside = {id(parameter) for parameter in blocks}
    new = [parameter for parameter in taught.parameters() if id(parameter) not in inside]
    rates = [recipe.learning_rate * recipe.trunk, recipe.learning_rate]
    groups = [{"params": blocks, "lr": rates[0]}, {"params": new, "lr": rates[1]}]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=recipe.steps, pct_start=0.25)
    weight = torch.ones(kinds + 1)
    weight[0] = 0.25
    average, order, started, mean = copy.deepcopy(taught), list[int](), time.monotonic(), 0.7
    for step in range(1, recipe.steps + 1):
        if len(order) < recipe.batch:
            order += rng.permutation(len(painted.kinds)).tolist()
        rows, order = sorted(order[: recipe.batch]), order[recipe.batch :]
        kind = torch.from_numpy(painted.kinds[rows])
        defective, kinds_said, patches = taught(torch.from_numpy(painted.front[rows]).float())
        loss = functional.binary_cross_entropy_with_logits(defective, (kind > 0).float())
        mean = 0.98 * mean + 0.02 * loss.item()
        loss = loss + recipe.kinds * functional.cross_entropy(kinds_said, kind)
        truth = torch.from_numpy(painted.patch_kinds[rows])
        loss = loss + recipe.patches * functional.cross_entropy(patches, truth, weight=weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        _follow(average, taught, min(recipe.average, step / (step + 20)))
        if step % 100 == 0 or step == recipe.steps:
            report(f"{step}/{recipe.steps} {time.monotonic() - started:.0f}s loss {mean:.3f}")
    return average.eval()


@torch.no_grad()
def _follow(average: nn.Module, module: nn.Module, decay: float) -> None:
    for kept, value in zip(average.state_dict().values(), module.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(value, 1 - decay)
        else:
            kept.copy_(value)


@torch.no_grad()
def defect_logits(tails: Sequence[Taught], front: NDArray[np.float16]) -> NDArray[np.float64]:
    """The mean logit of "defective" of some tails, float64 (N,)."""
    parts = (torch.from_numpy(front[first : first + BATCH_OF_INFERENCE]).float() for first in range(0, len(front), BATCH_OF_INFERENCE))
    return np.concatenate([torch.stack([tail(part)[0] for tail in tails]).mean(0).double().numpy() for part in parts])
