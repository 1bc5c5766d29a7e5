"""Training batches: painted samples from a folder of arrays, mixed with real cells of the training modules."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.picture.preprocess import pixel_values
from export.painting.capture import capture, jitter
from export.painting.grain import GrainPool, add_grain, make_grain
from export.painting.ground_truth import GroundTruth
from export.painting.layout import vary_layout
from export.starter.cells import Cell, read_grey, run_weights, training_cells, validation_cells
from export.starter.sample import SIZE_PX
from export.starter.words import ATTRIBUTES, DEFECT_WORDS, TAGS, caption, word_targets
from firmware_config.describers import ImagePreprocess

PREPROCESS = ImagePreprocess(size=SIZE_PX, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), gain="median")
"""Preprocessing of the starter's vision towers: the gain brings the median grey to 0.5, so that exposure is not a feature."""

REAL_SHARE = 0.2
"""Share of real cells: enough to learn real grain and wear, few enough not to learn the material."""

UNKNOWN = -1
"""Target that no loss counts."""

VARIED_SEED, VARIED_DRAWS = 77, 3
"""Seed of the layouts and grain of the varied validation cells, and variations of each cell."""

_Row: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.int64], int, float, str]
"""One sample: pixels, words, patch kinds, kind, probability of a defect, caption."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures and targets of one step.

    `pixel_values` float32 (B, 3, S, S); `words` float32 (B, tags + attributes), 1 true, 0 false, -1 unknown; `patch_kinds` int64
    (B, patches), -1 unknown; `kind` int64 (B,), -1 unknown; `defective` float32 (B,), 0..1; `captions`, empty where unknown.
    """

    pixel_values: Tensor
    words: Tensor
    patch_kinds: Tensor
    kind: Tensor
    defective: Tensor
    captions: tuple[str, ...]


def as_pixel_values(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Preprocess a picture, uint8 (S, S), to float32 (3, S, S) with the code that the box runs."""
    pixels = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    values: NDArray[np.float32] = pixel_values(pixels, PREPROCESS.model_copy(update={"size": len(grey)}))[0]
    return values


class Batches:
    """Draws batches by a seed; every painted sample is drawn once before any is drawn again."""

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
            defective: [(cell, read_grey(cell, size)) for cell in training_cells() if cell.defective == defective]
            for defective in (False, True)
        }
        self._weights = {defective: run_weights([cell for cell, _ in cells]) for defective, cells in self._real.items()}
        self._real_share = real_share
        self._order: list[int] = []

    def draw(self, count: int) -> Batch:
        """Draw the next `count` samples."""
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

    def _draw_painted(self) -> _Row:
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

    def _draw_real(self) -> _Row:
        """Draw a real cell, as often defective as good. Of a defective cell nothing else is known."""
        defective = bool(self._rng.random() < 0.5)
        cell, grey = self._real[defective][int(self._rng.choice(len(self._real[defective]), p=self._weights[defective]))]
        return self._as_sample(cell, vary_layout(jitter(grey, self._rng), self._rng))

    def _as_sample(self, cell: Cell, grey: NDArray[np.float32]) -> _Row:
        material, clouds = cell.material, False
        if self._rng.random() < 0.5:
            grey, clouds, _ = add_grain(grey, self._grain, self._rng)
            material = "poly"
        intact = GroundTruth(material, clouds, uneven=False, defects=())
        words = word_targets(intact)
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
        sentence = caption(intact, self._rng) if good else ""
        return capture(grey, self._rng), words, patches, 0 if good else UNKNOWN, cell.probability, sentence


def real_validation(*, varied: bool) -> tuple[Tensor, NDArray[np.bool_]]:
    """The source validation cells: pixel_values float32 (N, 3, S, S) and which cells are defective, bool (N,).

    With `varied`, each cell comes several times in other layouts and with grain, the same each time. It shows what a change of maker and
    material does to a score, without any cell that a study measures.
    """
    cells = validation_cells() * (VARIED_DRAWS if varied else 1)
    rng = np.random.default_rng(VARIED_SEED)
    grain = make_grain(16, SIZE_PX, rng) if varied else None
    pictures = []
    for cell in cells:
        grey = read_grey(cell, SIZE_PX)
        if grain is not None:
            grey, _, _ = add_grain(vary_layout(grey, rng), grain, rng)
        pictures.append(as_pixel_values(capture(grey, rng) if varied else np.round(grey * 255).astype(np.uint8)))
    return torch.from_numpy(np.stack(pictures)), np.array([cell.defective for cell in cells])
