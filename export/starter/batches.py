"""Batches for the two trainings: painted samples from a folder of arrays, and real cells of the training run among them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.picture.preprocess import pixel_values
from export.starter.capture import capture
from export.starter.cells import Cell
from export.starter.grain import GrainPool
from export.starter.words import ATTRIBUTES, DEFECT_WORDS, TAGS
from firmware_config.bundle import ImagePreprocess

PREPROCESS = ImagePreprocess(size=224, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), gain="median")
"""The starter's towers see a picture whose median grey is 0.5, so that exposure is not a feature."""

REAL_SHARE = 0.2
"""Real cells among the painted: enough to know real grain and wear, few enough not to learn the material (decided on source validation)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`pixel_values` float32 (B, 3, 224, 224); `words` float32 (B, tags + attributes) 1, 0 or -1 for "do not care"; `patch_kinds` int64
    (B, 196), -1 unknown; `kind` int64 (B,), -1 unknown; `defective` float32 (B,); `captions`, empty where unknown."""

    pixel_values: Tensor
    words: Tensor
    patch_kinds: Tensor
    kind: Tensor
    defective: Tensor
    captions: tuple[str, ...]


@dataclass(slots=True)
class Batches:
    """Draws batches, seeded; every painted sample is seen once before any is seen twice."""

    folder: Path
    real: tuple[Cell, ...]
    grain: GrainPool
    rng: np.random.Generator
    validation: dict[str, tuple[Tensor, NDArray[np.bool_]]] = field(default_factory=dict)
    real_share: float = REAL_SHARE
