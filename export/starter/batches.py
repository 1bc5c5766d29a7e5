"""Batches for the two trainings: painted samples from a folder of arrays, and real cells of the training modules among them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.picture.preprocess import pixel_values
from export.painting.capture import capture, jitter
from export.painting.grain import GrainPool, make_grain
from export.painting.layout import vary_layout
from export.painting.truth import Truth
from export.starter.cells import Cell, read_grey, run_weights, training_cells, validation_cells
from export.starter.sample import SIZE, add_grain
from export.starter.words import ATTRIBUTES, DEFECT_WORDS, TAGS, caption, truth_of_words
from firmware_config.describers import ImagePreprocess

PREPROCESS = ImagePreprocess(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), gain="median")
"""The starter's towers see a picture whose median grey is 0.5, so that exposure is not a feature."""

REAL_SHARE = 0.2
"""Real cells among the painted: enough to know real grain and wear, few enough not to learn the material."""

UNKNOWN = -1

VARIED_SEED, VARIED_DRAWS = 77, 3
"""Of the layouts and the grain of the varied validation cells: the seed, and how many variations of each cell."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from.

    `pixel_values` float32 (B, 3, 224, 224); `words` float32 (B, tags + attributes) 1, 0 or -1 for "do not care"; `patch_kinds` int64
    (B, 196), -1 unknown; `kind` int64 (B,), -1 unknown; `defective` float32 (B,) 0..1; `captions`, empty where unknown.
    """

    pixel_values: Tensor
    words: Tensor
    patch_kinds: Tensor
    kind: Tensor
    defective: Tensor
    captions: tuple[str, ...]


def as_pixel_values(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (S, S) to float32 (3, S, S), by the device's own code."""
    pixels = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    values: NDArray[np.float32] = pixel_values(pixels, PREPROCESS.model_copy(update={"size": len(grey)}))[0]
    return values


class Batches:
    """Draws batches, seeded; every painted sample is seen once before any is seen twice."""

    def __init__(self, painted: Path, *, seed: int, real_share: float = REAL_SHARE) -> None:
        self._pixels = np.load(painted / "pixels.npy", mmap_mode="r")
        self._patch_kinds = np.load(painted / "patch_kinds.npy")
        self._words = np.load(painted / "words.npy")
        self._kinds = np.load(painted / "kinds.npy")
        self._captions: list[str] = json.loads((painted / "captions.json").read_text())
        self._rng = np.random.default_rng(seed)
        size = self._pixels.shape[1]
        self._grain: GrainPool = make_grain(48, size, self._rng)
        self._real = {
            wanted: [(cell, read_grey(cell, size)) for cell in training_cells() if cell.defective == wanted] for wanted in (False, True)
        }
        self._weights = {wanted: run_weights([cell for cell, _ in cells]) for wanted, cells in self._real.items()}
        self._real_share = real_share
        self._order: list[int] = []

    def draw(self, count: int) -> Batch:
        """The next `count` samples."""
        rows = [self._draw_real() if self._rng.random() < self._real_share else self._draw_painted() for _ in range(count)]
        pixels, words, patches, kinds, defective, captions = zip(*rows, strict=True)
        return Batch(
            pixel_values=torch.from_numpy(np.stack([as_pixel_values(grey) for grey in pixels])),
            words=torch.from_numpy(np.stack(words).astype(np.float32)),
            patch_kinds=torch.from_numpy(np.stack(patches).astype(np.int64).reshape(count, -1)),
            kind=torch.tensor(kinds),
            defective=torch.tensor(defective),
            captions=captions,
        )

    def _draw_painted(self) -> tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.int64], int, float, str]:
        if not self._order:
            self._order = list(self._rng.permutation(len(self._pixels)))
        index = self._order.pop()
        kind = int(self._kinds[index])
        return (
            self._pixels[index],
            self._words[index],
            self._patch_kinds[index].astype(np.int64),
            kind,
            float(kind > 0),
            self._captions[index],
        )

    def _draw_real(self) -> tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.int64], int, float, str]:
        """A real cell, good or bad half and half. Of a bad one it is known that it is bad, and no more."""
        wanted = bool(self._rng.random() < 0.5)
        cell, grey = self._real[wanted][int(self._rng.choice(len(self._real[wanted]), p=self._weights[wanted]))]
        return self._as_sample(cell, vary_layout(jitter(grey, self._rng), self._rng))

    def _as_sample(
        self, cell: Cell, grey: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.int64], int, float, str]:
        material, clouds = cell.material, False
        if self._rng.random() < 0.5:
            grey, clouds, _ = add_grain(grey, self._grain, self._rng)
            material = "poly"
        truth = Truth(material, clouds, uneven=False, defects=())
        words = truth_of_words(truth)
        good = cell.probability == 0
        patches = np.full(self._patch_kinds.shape[1:], 0 if good else UNKNOWN, np.int64)
        if not good:
            words[DEFECT_WORDS] = UNKNOWN
            for word, value in (
                ("intact cell", 0),
                ("no dark marks", 0),
                ("nothing but busbars and fingers", 0),
                ("an even surface", UNKNOWN),
                ("damaged cell", 1),
            ):
                words[(*TAGS, *ATTRIBUTES).index(word)] = value if cell.defective and cell.certain else UNKNOWN
        said = caption(truth, self._rng) if good else ""
        return capture(grey, self._rng), words, patches, 0 if good else UNKNOWN, cell.probability, said


def real_validation(*, varied: bool) -> tuple[Tensor, NDArray[np.bool_]]:
    """The source validation cells: pixel_values float32 (N, 3, 224, 224) and which cells are defective.

    With `varied`, the same cells several times in other layouts and with grain, always the same ones: what a change of maker and material
    does to the score, without a look at any cell that is measured later.
    """
    cells = validation_cells() * (VARIED_DRAWS if varied else 1)
    rng = np.random.default_rng(VARIED_SEED)
    grain = make_grain(16, SIZE, rng) if varied else None
    pictures = []
    for cell in cells:
        grey = read_grey(cell, SIZE)
        if grain is not None:
            grey, _, _ = add_grain(vary_layout(grey, rng), grain, rng)
        pictures.append(as_pixel_values(capture(grey, rng) if varied else np.round(grey * 255).astype(np.uint8)))
    return torch.from_numpy(np.stack(pictures)), np.array([cell.defective for cell in cells])
