"""Painted samples: a picture, the kind of each of its patches, its ground truth and a caption."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from export.painting.capture import capture, jitter, uneven_light
from export.painting.grain import GrainPool, add_grain, make_grain
from export.painting.ground_truth import KINDS, GroundTruth
from export.painting.layout import vary_layout
from export.painting.paint import LEAST_STRENGTH, PATCH_PX, Painted, paint
from export.painting.render import render_cell
from export.starter.cells import read_grey, run_weights, training_cells
from export.starter.words import ATTRIBUTES, TAGS, caption, word_targets

SIZE_PX = 224
"""Side of a picture, as the starter's vision towers take it."""
HIDDEN_BY_GRAIN = 1.5
"""A defect cannot be told from the grain if it darkens by less than this many deviations of the grain."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`pixels` uint8 (S, S); `patch_kinds` uint8 (S / 16, S / 16), an index into KINDS; the ground truth and one caption of it."""

    pixels: NDArray[np.uint8]
    patch_kinds: NDArray[np.uint8]
    ground_truth: GroundTruth
    caption: str


@dataclass(frozen=True, slots=True)
class Canvases:
    """Good cells to paint on: `cells` float32 (N, S, S), 0..1; `weights` float64 (N,), the probability of each, summing to 1."""

    cells: NDArray[np.float32]
    weights: NDArray[np.float64]

    def draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw one cell, float32 (S, S)."""
        return np.asarray(self.cells[int(rng.choice(len(self.cells), p=self.weights))], np.float32)


@dataclass(slots=True)
class Sampler:
    """Draws samples.

    Half of them are intact. A share of `rendered_share` is painted on rendered cells, the others on `canvases`; a share of `grain_share`
    has grain.
    """

    canvases: Canvases
    grain: GrainPool
    rng: np.random.Generator
    rendered_share: float = 0.03
    grain_share: float = 0.75

    def draw(self) -> Sample:
        """Draw one sample."""
        rng = self.rng
        rendered = rng.random() < self.rendered_share
        size = self.canvases.cells.shape[1]
        cell = render_cell(size, rng) if rendered else jitter(self.canvases.draw(rng), rng)
        cell = vary_layout(cell, rng)
        material, clouds, strength = "mono", False, 0.0
        if rng.random() < self.grain_share:
            cell, clouds, strength = add_grain(cell, self.grain, rng)
            material = "poly"
        uneven = bool(rng.random() < 0.2)
        if uneven:
            cell = uneven_light(cell, rng)
        painted = (
            paint(cell, rng, least_strength=max(LEAST_STRENGTH, HIDDEN_BY_GRAIN * strength))
            if rng.random() < 0.5
            else Painted(cell, np.zeros((size // PATCH_PX, size // PATCH_PX), np.uint8), ())
        )
        ground_truth = GroundTruth(material, clouds, uneven, painted.defects)
        return Sample(capture(painted.pixels, rng), painted.patch_kinds, ground_truth, caption(ground_truth, rng))


def good_cells(size: int = SIZE_PX) -> Canvases:
    """The training cells on which no defect was labelled."""
    cells = [cell for cell in training_cells() if cell.probability == 0]
    return Canvases(np.stack([read_grey(cell, size) for cell in cells]), run_weights(cells))


def write_samples(folder: Path, *, count: int, seed: int, size: int = SIZE_PX) -> None:
    """Write `count` samples of `size` px into `folder`.

    `pixels.npy` uint8 (N, S, S), `patch_kinds.npy` uint8 (N, S / 16, S / 16), `words.npy` int8 (N, tags + attributes), `kinds.npy` uint8
    (N,), `strengths.npy` float32 (N,), and, last, `captions.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    sampler = Sampler(good_cells(size), make_grain(240, size, rng), rng)
    pixels = open_memmap(folder / "pixels.npy", "w+", np.uint8, (count, size, size))
    patch_kinds = np.empty((count, size // PATCH_PX, size // PATCH_PX), np.uint8)
    words = np.empty((count, len(TAGS) + len(ATTRIBUTES)), np.int8)
    kinds, captions, strengths = np.empty(count, np.uint8), [], np.zeros(count, np.float32)
    for index in tqdm(range(count), desc="painting", mininterval=10):
        sample = sampler.draw()
        pixels[index], patch_kinds[index], words[index] = sample.pixels, sample.patch_kinds, word_targets(sample.ground_truth)
        kinds[index] = KINDS.index(sample.ground_truth.kind)
        strengths[index] = max((defect.strength for defect in sample.ground_truth.defects), default=0.0)
        captions.append(sample.caption)
    pixels.flush()
    for name, array in (("patch_kinds", patch_kinds), ("words", words), ("kinds", kinds), ("strengths", strengths)):
        np.save(folder / f"{name}.npy", array)
    (folder / "captions.json").write_text(json.dumps(captions))
