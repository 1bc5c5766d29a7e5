"""Teachers of the vision tower: small convolutional networks that only say how surely a cell is defective.

A transformer of this size learns hairlines slowly, and what it learns from scratch carries badly to other runs; a convolutional network
that pools by maximum knows from the start that a crack is a crack wherever it lies. So a few of them learn first, in minutes, and the tower
learns from their common opinion (Hinton et al. 2015; as Beyer et al. 2022 say: the same view for both, and many views). They are thrown
away; the product is the tower.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from export.starter.batches import Batches, real_validation
from export.starter.optimise import mixed_precision
from export.starter.sample import write_samples

SIZE = 160
"""Pixels: enough for a crack that can be seen at 224, at half the cost. Their pictures are painted at this size, so that they are sharp."""


@dataclass(frozen=True, slots=True)
class TeacherRecipe:
    """How many teachers, and how long each learns.

    They see painted cells only: with real cells among them (one in four) they told defects of other modules worse.
    """

    seeds: tuple[int, ...] = (1, 2, 3)
    steps: int = 2_400
    batch: int = 32
    learning_rate: float = 3e-3
    painted: int = 24_000


class Teacher(nn.Module):
    """`pixel_values` (B, 3, S, S) to logits of "defective", (B,)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 32, 64, 96, 128)
        layers: list[nn.Module] = [nn.Conv2d(1, widths[0], 5, 2, 2), nn.ReLU()]
        for before, after in pairwise(widths):
            for channels, stride in ((before, 2), (after, 1)):
                layers += [nn.Conv2d(channels, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(widths[-1], 1))

    def forward(self, pixel_values: Tensor) -> Tensor:
        """The three channels are the same grey: one is read."""
        grey = pixel_values[:, :1]
        if grey.shape[-1] != SIZE:
            grey = functional.interpolate(grey, size=SIZE, mode="area")
        return self.head(self.features(grey).amax((2, 3)))[:, 0]


class Teachers(nn.Module):
    """The common opinion of several."""

    def __init__(self, members: Sequence[Teacher]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @torch.no_grad()
    def forward(self, pixel_values: Tensor) -> Tensor:
        """Probability that the cell is defective, (B,): that of the mean logit."""
        return torch.stack([member(pixel_values) for member in self.members]).mean(0).sigmoid()


def train_teachers(out: Path, recipe: TeacherRecipe, *, seed: int) -> Teachers:
    """Train the teachers one after the other, or read those that `out` holds; logs to stdout."""
    painted = out / "painted"
    if not (painted / "captions.json").exists():
        write_samples(painted, count=recipe.painted, seed=seed, size=SIZE)
    members = []
    for member in recipe.seeds:
        path, teacher = out / f"{member}.pt", Teacher()
        if not path.exists():
            torch.manual_seed(member)
            teacher = Teacher()
            _train(teacher, Batches(painted, seed=100 + member, real_share=0.0), recipe)
            torch.save(teacher.state_dict(), path)
        teacher.load_state_dict(torch.load(path))
        members.append(teacher)
    teachers = Teachers(members).eval()
    print(f"teachers together: {_said(teachers)}", flush=True)
    return teachers


def _train(teacher: Teacher, batches: Batches, recipe: TeacherRecipe) -> None:
    optimiser = torch.optim.AdamW(teacher.parameters(), lr=recipe.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, total_steps=recipe.steps)
    started, mean = time.monotonic(), 0.7
    teacher.train()
    for step in range(1, recipe.steps + 1):
        batch = batches.draw(recipe.batch)
        with mixed_precision():
            logits = teacher(batch.pixel_values)
        loss = functional.binary_cross_entropy_with_logits(logits.float(), batch.defective)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        mean = 0.98 * mean + 0.02 * loss.item()
        if step % 400 == 0:
            print(f"{step} {time.monotonic() - started:.0f}s loss {mean:.3f} {_said(teacher)}", flush=True)


@torch.no_grad()
def _said(teacher: nn.Module) -> str:
    """AUROC on the source validation cells."""
    was = teacher.training
    teacher.eval()
    said = []
    for name in ("as it is", "varied"):
        values, defective = real_validation(varied=name == "varied")
        scores = torch.cat([teacher(part) for part in values.split(66)])
        said.append(f"{name} {roc_auc_score(defective, scores):.3f}")
    teacher.train(was)
    return "AUROC on the source validation cells: " + ", ".join(said)
