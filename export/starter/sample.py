"""Painted samples: a picture, its words, the kind of each of its patches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from export.painting.capture import capture, jitter, uneven_light
from export.painting.grain import GrainPool, make_grain
from export.painting.layout import vary_layout
from export.painting.paint import PATCH, VISIBLE, Painted, paint
from export.painting.render import render_cell
from export.painting.truth import KINDS, Truth
from export.starter.cells import read_grey, run_weights, training_cells
from export.starter.words import ATTRIBUTES, TAGS, caption, truth_of_words

SIZE = 224
HIDDEN_BY_GRAIN = 1.5
"""A defect that darkens less than this many deviations of the grain cannot be told from it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`pixels` uint8 (S, S); `patch_kinds` uint8 (S / 16, S / 16), index into KINDS; `truth` and one caption of it."""

    pixels: NDArray[np.uint8]
    patch_kinds: NDArray[np.uint8]
    truth: Truth
    caption: str


@dataclass(frozen=True, slots=True)
class Canvases:
    """Good cells to paint on: `cells` float32 (N, S, S), 0..1, and how often each is drawn, `weights` float64 (N,), summing to 1."""

    cells: NDArray[np.float32]
    weights: NDArray[np.float64]

    def draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """One of the cells."""
        return np.asarray(self.cells[int(rng.choice(len(self.cells), p=self.weights))], np.float32)


@dataclass(slots=True)
class Sampler:
    """Draws samples: half of them intact, nearly all on real good cells, three of four with grain."""

    canvases: Canvases
    grain: GrainPool
    rng: np.random.Generator
    rendered_share: float = 0.03
    grain_share: float = 0.75

    def draw(self) -> Sample:
        """One sample."""
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
            paint(cell, rng, visible=max(VISIBLE, HIDDEN_BY_GRAIN * strength))
            if rng.random() < 0.5
            else Painted(cell, np.zeros((size // PATCH, size // PATCH), np.uint8), ())
        )
        truth = Truth(material, clouds, uneven, painted.defects)
        return Sample(capture(painted.pixels, rng), painted.patch_kinds, truth, caption(truth, rng))


def add_grain(cell: NDArray[np.float32], pool: GrainPool, rng: np.random.Generator) -> tuple[NDArray[np.float32], bool, float]:
    """The cell with grain on it, whether dislocation clouds show, and the deviation of the grain as a share of the brightness."""
    index = int(rng.integers(len(pool.textures)))
    texture = pool.textures[index]
    if rng.random() < 0.5:
        texture = texture[::-1]
    if rng.random() < 0.5:
        texture = texture.T
    strength = float(rng.uniform(0.03, 0.13))
    return (cell * np.clip(1 + strength * texture, 0.15, 2)).astype(np.float32), bool(pool.clouds[index]), strength


def good_cells(size: int = SIZE) -> Canvases:
    """The good cells that may teach: all labelled them as surely free of defects."""
    cells = [cell for cell in training_cells() if cell.probability == 0]
    return Canvases(np.stack([read_grey(cell, size) for cell in cells]), run_weights(cells))


def write_samples(folder: Path, *, count: int, seed: int, size: int = SIZE) -> None:
    """Write `count` samples as arrays: pixels, patch_kinds, words, kind (.npy) and captions.json."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    sampler = Sampler(good_cells(size), make_grain(240, size, rng), rng)
    pixels = open_memmap(folder / "pixels.npy", "w+", np.uint8, (count, size, size))
    patch_kinds = np.empty((count, size // PATCH, size // PATCH), np.uint8)
    words = np.empty((count, len(TAGS) + len(ATTRIBUTES)), np.int8)
    kinds, captions, strengths = np.empty(count, np.uint8), [], np.zeros(count, np.float32)
    for index in tqdm(range(count), desc="painting", mininterval=10):
        sample = sampler.draw()
        pixels[index], patch_kinds[index], words[index] = sample.pixels, sample.patch_kinds, truth_of_words(sample.truth)
        kinds[index] = KINDS.index(sample.truth.kind)
        strengths[index] = max((defect.strength for defect in sample.truth.defects), default=0.0)
        captions.append(sample.caption)
    pixels.flush()
    for name, array in (("patch_kinds", patch_kinds), ("words", words), ("kinds", kinds), ("strengths", strengths)):
        np.save(folder / f"{name}.npy", array)
    (folder / "captions.json").write_text(json.dumps(captions))
