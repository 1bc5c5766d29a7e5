"""Painted samples of a product: a picture, the kind of each of its patches, and its ground truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.cache.arrays import new_array
from export.painting.conditions import Conditions, capture, draw_placement
from export.painting.defects import LEAST_STRENGTH, Choice, Painted, no_patches, paint
from export.painting.harmless import deviation
from export.painting.kinds import HARMLESS_PAINTERS
from export.painting.scene import Scene
from export.products.canvases import Canvases, read_masks
from export.products.product import Product
from export.products.wording import wording_of
from export.progress import Report

PATCH_PX = 16
"""Side of a patch; patches at the right and lower border may be smaller."""
INTACT_SHARE = 0.5
"""Half of the samples have no defect."""
REPORT_EVERY = 50


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """`pixels` uint8 (S, S) grey or (S, S, 3) BGR; `patch_kinds` uint8 (S / 16, S / 16), rounded up: 0 or 1 + the index of a kind."""

    pixels: NDArray[np.uint8]
    patch_kinds: NDArray[np.uint8]
    scene: Scene


@dataclass(slots=True)
class Sampler:
    """Draws samples of a product, painted on good pictures of it; the same `rng` draws the same ones.

    `conditions` are those of capture; None: the product's. Only samples `for_judge` have defects that measured words alone can tell.
    """

    product: Product
    canvases: Canvases
    rng: np.random.Generator
    masks: Sequence[NDArray[np.bool_]] = ()
    conditions: Conditions | None = None
    for_judge: bool = False

    def draw(self) -> Sample:
        """Draw one sample: place the part, add what is harmless, paint defects, take the picture."""
        rng, conditions = self.rng, self.conditions or self.product.conditions.conditions
        whole, inside = self.canvases.draw(rng).copy(), self._inside
        placement = draw_placement(whole[inside].shape, rng, conditions)
        pixels = placement.move(whole[inside])  # a frame is the camera's: it stays where it is
        masks = [mask for mask in (placement.move_mask(mask[inside]) for mask in self.masks) if mask.any()]
        harmless, least = list[str](), LEAST_STRENGTH
        for thing in self.product.harmless:
            if rng.random() < thing.share:
                change = HARMLESS_PAINTERS[thing.painter](pixels, rng, thing.brush)
                if change.extent.any():
                    pixels, least = change.pixels, max(least, thing.hides * deviation(change))
                    harmless.append(thing.name)
        painted = Painted(pixels, no_patches(pixels.shape, PATCH_PX), ())
        if rng.random() >= INTACT_SHARE:
            painted = paint(pixels, rng, self._choices(masks), patch_px=PATCH_PX, least=least, apart=self.product.defects_apart)
        whole[inside] = painted.pixels
        patch_kinds, rows, columns = no_patches(whole.shape, PATCH_PX), *painted.patch_kinds.shape
        patch_kinds[:rows, :columns] = self._kinds[painted.patch_kinds]
        return Sample(capture(whole, rng, conditions), patch_kinds, Scene(painted.defects, tuple(harmless)))

    @property
    def _inside(self) -> tuple[slice, slice]:
        """Rows and columns that show the part."""
        side, frame = self.product.side_px, self.product.frame_px
        return slice(frame, side - frame), slice(frame, side - frame)

    def _choices(self, masks: Sequence[NDArray[np.bool_]]) -> list[Choice]:
        rows, columns = self._inside
        others = tuple(self.canvases.pictures[:, rows, columns])
        shares = (1.0 if self.for_judge or not kind.measured_only else 0.0 for kind in self.product.defects)
        pairs = zip(self.product.defects, shares, strict=True)
        choices = (replace(choice, share=choice.share * share) for kind, share in pairs for choice in kind.choices())
        return [replace(choice, brush=replace(choice.brush, others=others, masks=masks)) for choice in choices]

    @property
    def _kinds(self) -> NDArray[np.uint8]:
        """Of no choice and of each choice: 0 or 1 + the index of its kind."""
        return np.array([0, *(number for number, kind in enumerate(self.product.defects, 1) for _ in kind.weights)], np.uint8)


def write_samples(folder: Path, product: Product, canvases: Canvases, *, count: int, seed: int, report: Report, first: int = 0) -> None:
    """Write samples number `first` to `first + count` of a seed into `folder`; each depends on its number alone.

    `pixels.npy` uint8 (N, S, S) or (N, S, S, 3), `patch_kinds.npy` uint8 (N, S / 16, S / 16), `words.npy` int8 (N, tags + attributes),
    `kinds.npy` uint8 (N,), 0 or 1 + the index of the most visible kind, `strengths.npy` float32 (N,), and, last, `captions.json`.

    Raises:
        SpecError: the masks of the product, or a word that it leaves out, are wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wording, masks = wording_of(product), read_masks(product)
    names = [kind.name for kind in product.defects]
    patches = -(-product.side_px // PATCH_PX)
    pixels = new_array(folder / "pixels.npy", np.uint8, (count, *canvases.pictures.shape[1:]))
    patch_kinds, words = np.zeros((count, patches, patches), np.uint8), np.zeros((count, len(wording.words)), np.int8)
    kinds, strengths, captions = np.zeros(count, np.uint8), np.zeros(count, np.float32), []
    for index in range(count):
        rng = np.random.default_rng((seed, first + index))
        sample = Sampler(product, canvases, rng, masks).draw()
        scene = sample.scene
        pixels[index], patch_kinds[index], words[index] = sample.pixels, sample.patch_kinds, wording.truths(scene)
        kinds[index] = 0 if scene.kind is None else 1 + names.index(scene.kind)
        strengths[index] = max((defect.strength for defect in scene.defects), default=0.0)
        captions.append(wording.caption(scene, rng))
        if (index + 1) % REPORT_EVERY == 0:
            report(f"painting {index + 1} of {count} pictures")
    pixels.flush()
    for name, array in (("patch_kinds", patch_kinds), ("words", words), ("kinds", kinds), ("strengths", strengths)):
        np.save(folder / f"{name}.npy", array)
    (folder / "captions.json").write_text(json.dumps(captions), encoding="utf-8")
