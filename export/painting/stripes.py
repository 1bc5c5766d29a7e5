"""Painters of stripes: a comb of dead fingers between two bars of the picture, and short stripes with one hard end."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from export.painting.noise import Field, between, blurred
from export.painting.scene import Brush, Change, Image
from export.painting.tone import at_strength, toned


@dataclass(frozen=True, slots=True)
class Bars:
    """Dark bars that run through the whole picture. `places` are their rows in pixels, or their columns if they are `upright`."""

    places: tuple[int, ...]
    upright: bool


def bars(picture: Image) -> Bars:
    """Find the dark bars (busbars, seams) of a picture: rows, or columns, whose median is darker than that of their neighbours."""
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    step = max(1, min(grey.shape) // 100)  # a median of a hundred pixels is as good as one of thousands
    rows, columns = _dips(np.median(grey[:, ::step], axis=1)), _dips(np.median(grey[::step], axis=0))
    upright = bool(columns.min() < rows.min())
    dips = columns if upright else rows
    dark = np.concatenate([[False], (dips < 0.5 * dips.min()) & (dips < -0.01), [False]])
    changes = np.flatnonzero(np.diff(dark.astype(np.int8)))
    return Bars(tuple(int(begin + end) // 2 for begin, end in zip(changes[::2], changes[1::2], strict=True)), upright)


def stripes(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a comb of parallel narrow stripes between two bars, across them; `size` is how wide the comb is."""
    found = bars(picture)
    height, width = picture.shape[:2] if not found.upright else picture.shape[1::-1]
    longest = max(height, width)
    edges = [0, *found.places, height]
    at = int(rng.integers(len(edges) - 1))
    top, bottom = edges[at], edges[at + 1]
    if bottom - top < 0.06 * longest:
        top, bottom = 0, height // 3
    comb_px = between(brush.size, rng) * longest
    left = rng.uniform(-0.1 * comb_px, width - 0.5 * comb_px)
    columns = np.arange(width, dtype=np.float32)
    profile: Field = np.zeros(width, np.float32)
    for _ in range(max(1, int(comb_px / (rng.uniform(2, 6) * longest / 160)))):
        half = np.float32(rng.uniform(0.7, 2.5) * longest / 160)
        stripe = np.exp(-(((columns - np.float32(rng.uniform(left, left + comb_px))) / half) ** 4))
        profile = np.maximum(profile, stripe * np.float32(rng.uniform(0.4, 1)))
    form = _fading(height, top, bottom, rng)[:, None] * profile[None]
    return toned(picture, at_strength(_turned(form, upright=found.upright), brush, rng), "stripes", brush, rng)


def short_stripes(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint one to nine separate narrow stripes across the bars, most with a hard end at the same row; `size` is how long they are."""
    upright = bars(picture).upright if rng.random() < 0.7 else bool(rng.random() < 0.5)
    height, width = picture.shape[:2] if not upright else picture.shape[1::-1]
    longest = max(height, width)
    form: Field = np.zeros((height, width), np.float32)
    length = between(brush.size, rng) * longest
    row = int(rng.uniform(0, max(1, height - 0.5 * length)))
    for _ in range(int(rng.integers(1, 10))):
        column = int(np.clip(rng.integers(width) if rng.random() < 0.5 else rng.normal(0.5, 0.2) * width, 0, width - 1))
        begin = row + (0 if rng.random() < 0.6 else int(rng.uniform(0, 0.4) * length))
        end = begin + max(2, int(length * rng.uniform(0.5, 1)))
        form[begin:end, column : column + max(1, round(rng.uniform(0.7, 3) * longest / 200))] = rng.uniform(0.5, 1)
    form = blurred(_turned(form, upright=upright), rng.uniform(0.3, 0.8))
    return toned(picture, at_strength(form, brush, rng), "stripes", brush, rng)


def _dips(profile: Field) -> Field:
    """How far a profile lies under its surroundings (negative: a dip); 0 at both ends, where the frame of the part is."""
    reach = len(profile) / 27
    dips = profile - cv2.GaussianBlur(np.ascontiguousarray(profile[:, None], np.float32), (0, 0), reach)[:, 0]
    margin = max(1, round(reach))
    dips[:margin] = dips[-margin:] = 0
    return np.asarray(dips, np.float32)


def _fading(length: int, top: int, bottom: int, rng: np.random.Generator) -> Field:
    """1 from `top` to `bottom`, 0 elsewhere, float32 (length,); two of three fade towards one end."""
    rows = np.arange(length, dtype=np.float32)
    within = ((rows >= top) & (rows < bottom)).astype(np.float32)
    how = int(rng.integers(3))
    if how == 0:
        return within
    from_the_hard_end = rows - top if how == 1 else bottom - rows
    reach = (bottom - top) * rng.uniform(0.4, 1)
    return np.asarray(within * np.clip(1 - from_the_hard_end / reach, 0, 1) ** rng.uniform(0.2, 1), np.float32)


def _turned(form: Field, *, upright: bool) -> Field:
    return np.ascontiguousarray(form.T if upright else form, np.float32)
