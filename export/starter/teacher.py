"""Teachers for the distillation of the vision tower: small convolutional networks that give the probability of a defect.

A transformer of this size learns hairline cracks slowly, and what it learns from scratch transfers badly to other runs. A convolutional
network with maximum pooling finds a crack wherever it lies. So a few such networks are trained first, in minutes, and the tower is trained
on the probability of their mean logit (distillation, Hinton et al. 2015), with the same view for teacher and student and many views (Beyer
et al. 2022). The bundle does not contain the teachers.
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

from export.eye.optimise import mixed_precision
from export.starter.batches import Batches, real_validation
from export.starter.sample import write_samples

SIZE_PX = 160
"""Enough to see the cracks that 224 px show, at half the cost. Training pictures are painted at this size, so that they are sharp."""


@dataclass(frozen=True, slots=True)
class TeacherRecipe:
    """Seeds of the teachers, and steps, batch size, learning rate and painted samples of each training.

    Teachers are trained on painted cells only: with one real cell in four they found fewer defects of other modules.
    """

    seeds: tuple[int, ...] = (1, 2, 3)
    steps: int = 2_400
    batch: int = 32
    learning_rate: float = 3e-3
    painted: int = 24_000


class Teacher(nn.Module):
    """`pixel_values` float32 (B, 3, S, S) to logits of "defective", float32 (B,)."""

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
        """Read one channel, since all three are the same grey."""
        grey = pixel_values[:, :1]
        if grey.shape[-1] != SIZE_PX:
            grey = functional.interpolate(grey, size=SIZE_PX, mode="area")
        return self.head(self.features(grey).amax((2, 3)))[:, 0]


class Teachers(nn.Module):
    """An ensemble of teachers."""

    def __init__(self, members: Sequence[Teacher]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @torch.no_grad()
    def forward(self, pixel_values: Tensor) -> Tensor:
        """Probability of a defect by the mean logit, float32 (B,)."""
        return torch.stack([member(pixel_values) for member in self.members]).mean(0).sigmoid()


def train_teachers(out: Path, recipe: TeacherRecipe, *, seed: int) -> Teachers:
    """Train the teachers that `out` does not hold yet and read the others; log to stdout."""
    painted = out / "painted"
    if not (painted / "captions.json").exists():
        write_samples(painted, count=recipe.painted, seed=seed, size=SIZE_PX)
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
    print(f"ensemble of teachers: {_validation_auroc(teachers)}", flush=True)
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
            print(f"{step} {time.monotonic() - started:.0f}s loss {mean:.3f} {_validation_auroc(teacher)}", flush=True)


@torch.no_grad()
def _validation_auroc(teacher: nn.Module) -> str:
    """AUROC on the source validation cells, for the log."""
    was_training = teacher.training
    teacher.eval()
    aurocs = []
    for name in ("as it is", "varied"):
        values, defective = real_validation(varied=name == "varied")
        scores = torch.cat([teacher(part) for part in values.split(66)])
        aurocs.append(f"{name} {roc_auc_score(defective, scores):.3f}")
    teacher.train(was_training)
    return "AUROC on the source validation cells: " + ", ".join(aurocs)
