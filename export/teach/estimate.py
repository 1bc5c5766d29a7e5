"""How much an effort does, and about what it takes. Every figure that was measured stands here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from export.eye.trunk import Work

EffortName: TypeAlias = Literal["quick", "normal", "thorough"]

MEASURED_SIDE_PX = 224
"""Side of the pictures with which the times were measured; they grow with its square."""
PAINT_S = 0.012
"""Painting one grey picture of a solar cell, one core."""
TRAIN_S = 0.03
"""One picture through one step of the eye's training, two cores."""
LOOK_S = 2e-11
"""One product of the trunk, two cores: one picture of 224 pixels takes a third of a second through the 86 million weights of a ViT-B/16."""
CHECKED = 800
"""Times that the trunk looks at a picture where the eye is converted and the bundle is proven."""
DESCRIBE_S = 0.08
"""The words of one picture, two cores."""
TUNE_S = 0.35
"""One description through the tuning of the judge, two cores."""
BUILD_S = 300.0
"""Converting, proving and signing the bundle, two cores."""
FLOAT_BYTES = 4
"""Of one pixel of a good picture in memory."""
WEIGHT_MEMORY_BYTES, WEIGHT_DISK_BYTES = 20, 8
"""Of one weight of the trunk: five copies in fp32 while a graph is written; in int8 in two graphs, which lie in four places."""
BASE_MEMORY_BYTES, BASE_DISK_BYTES = 1_500_000_000, 1_000_000_000
"""Libraries, models and a batch; the bundle, its archive and the language model."""
TUNE_MEMORY_BYTES = 3_600_000_000
"""While the judge is tuned, after the eye was made."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done: painted pictures, steps and batch of a tail of the eye, steps of words and of captions, descriptions, tunings."""

    painted: int
    steps: int
    batch: int
    words: int
    captions: int
    described: int
    tunings: int


EFFORTS: dict[Literal["quick", "normal", "thorough"], Effort] = {
    "quick": Effort(painted=1_500, steps=200, batch=32, words=1_000, captions=300, described=400, tunings=1),
    "normal": Effort(painted=6_000, steps=700, batch=32, words=3_000, captions=700, described=2_000, tunings=1),
    "thorough": Effort(painted=12_000, steps=900, batch=32, words=4_000, captions=1_200, described=4_000, tunings=3),
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What teaching takes on two cores: seconds, bytes of memory, bytes of disk."""

    seconds: float
    memory_bytes: int
    disk_bytes: int


def estimate(effort: Effort, *, side_px: int, channels: int, pictures: int, seeds: int, work: Work, feature_bytes: int) -> Estimate:
    """Estimate what teaching from so many pictures takes; `work` and the bytes of one picture's features are those of the trunk."""
    larger = (side_px / MEASURED_SIDE_PX) ** 2
    painted = effort.painted + effort.painted // 2  # half as much again for the words
    looking = (painted + 2 * (effort.described + pictures) + CHECKED) * work.products * LOOK_S
    painting = (painted + effort.described) * PAINT_S * larger
    training = seeds * effort.steps * effort.batch * TRAIN_S * larger
    judging = (effort.described + pictures) * DESCRIBE_S + effort.described * effort.tunings * TUNE_S
    pixels = side_px**2 * channels
    return Estimate(
        seconds=painting + looking + training + judging + BUILD_S,
        memory_bytes=max(
            BASE_MEMORY_BYTES + pictures * pixels * FLOAT_BYTES + work.weights * WEIGHT_MEMORY_BYTES + work.batch_bytes, TUNE_MEMORY_BYTES
        ),
        disk_bytes=BASE_DISK_BYTES + (painted + effort.described) * pixels + painted * feature_bytes + work.weights * WEIGHT_DISK_BYTES,
    )
