"""Painted samples: a picture, its words, the kind of each of its patches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from export.starter.capture import capture, jitter, uneven_light
from export.starter.cells import read_grey, training_cells
from export.starter.grain import GrainPool, make_grain
from export.starter.layout import vary_layout
from export.starter.paint import Painted, paint
from export.starter.render import render_cell
from export.starter.truth import KINDS, Truth
from export.starter.words import ATTRIBUTES, TAGS, caption, truth_of_words

SIZE = 224
GRID = SIZE // 16


@dataclass(frozen=True, slots=True)
class Sample:
    """`pixels` uint8 (224, 224); `patch_kinds` uint8 (14, 14), index into KINDS; `truth` and one caption of it."""

    pixels: NDArray[np.uint8]
    patch_kinds: NDArray[np.uint8]
    truth: Truth
    caption: str


@dataclass(slots=True)
class Sampler:
    """Draws samples: half of them intact, four of five on real good cells, two of three with grain."""

    good: NDArray[np.float32]
    grain: GrainPool
    rng: np.random.Generator
    rendered_share: float = 0.2
    grain_share: float = 0.65

    def draw(self) -> Sample:
        """One sample."""
        rng = self.rng
        rendered = rng.random() < self.rendered_share
        cell = render_cell(SIZE, rng) if rendered else jitter(self.good[int(rng.integers(len(self.good)))], rng)
        cell = vary_layout(cell, rng)
        material, clouds = "mono", False
        if rng.random() < self.grain_share:
            cell, clouds = add_grain(cell, self.grain, rng)
            material = "poly"
        uneven = bool(rng.random() < 0.2)
        if uneven:
            cell = uneven_light(cell, rng)
        painted = paint(cell, rng) if rng.random() < 0.5 else Painted(cell, np.zeros((GRID, GRID), np.uint8), ())
        truth = Truth(material, clouds, uneven, painted.defects)
        return Sample(capture(painted.pixels, rng), painted.patch_kinds, truth, caption(truth, rng))


def add_grain(cell: NDArray[np.float32], pool: GrainPool, rng: np.random.Generator) -> tuple[NDArray[np.float32], bool]:
    """The cell with grain on it, and whether dislocation clouds show."""
    index = int(rng.integers(len(pool.textures)))
    texture = pool.textures[index]
    if rng.random() < 0.5:
        texture = texture[::-1]
    if rng.random() < 0.5:
        texture = texture.T
    strength = rng.uniform(0.03, 0.16)
    return (cell * np.clip(1 + strength * texture, 0.15, 2)).astype(np.float32), bool(pool.clouds[index])


def good_cells() -> NDArray[np.float32]:
    """The good cells of the training run, float32 (N, 224, 224), 0..1: all labelled them as surely free of defects."""
    return np.stack([read_grey(cell, SIZE) for cell in training_cells() if cell.probability == 0])


def write_samples(folder: Path, *, count: int, seed: int) -> None:
    """Write `count` samples as arrays: pixels, patch_kinds, words, kind (.npy) and captions.json."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    sampler = Sampler(good_cells(), make_grain(240, SIZE, rng), rng)
    pixels = open_memmap(folder / "pixels.npy", "w+", np.uint8, (count, SIZE, SIZE))
    patch_kinds = np.empty((count, GRID, GRID), np.uint8)
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
