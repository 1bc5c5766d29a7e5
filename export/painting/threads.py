"""Painters of threads: one that is missing, one that is doubled. They run in the picture's main direction, across it, or anywhere."""

from __future__ import annotations

import cv2
import numpy as np

from export.painting.noise import Field, between, blurred
from export.painting.scene import Brush, Change, Image
from export.painting.texture import replaced


def missing_thread(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a gap: along a line the structure gives way to the ground, which is darker or brighter as the brush says."""
    mask, _, _ = _thread(picture, rng, brush)
    brighter = brush.direction == "brighter" or (brush.direction == "both" and rng.random() < 0.5)
    ground = blurred(picture, max(picture.shape[:2]) / 25) * np.float32(1 + rng.uniform(0, 0.4) * (1 if brighter else -1))
    return replaced(picture, ground, mask * np.float32(between(brush.strength, rng)), "gap")


def doubled_thread(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a thread twice: along a line stands what stands beside it, a little darker or brighter as the brush says."""
    mask, angle, width_px = _thread(picture, rng, brush)
    step = width_px * rng.uniform(0.5, 1.5) + 1
    shift = np.array([[1, 0, -np.sin(angle) * step], [0, 1, np.cos(angle) * step]])
    beside = cv2.warpAffine(picture, shift, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    brighter = brush.direction == "brighter" or (brush.direction == "both" and rng.random() < 0.5)
    doubled = np.asarray(beside, np.float32) * np.float32(1 + rng.uniform(0.1, 0.4) * (1 if brighter else -1))
    return replaced(picture, doubled, mask * np.float32(between(brush.strength, rng)), "double line")


def main_direction(picture: Image) -> float:
    """The angle in radians along which a picture's structure runs; the smoother way of rows and columns where none stands out."""
    grey = np.asarray(picture if picture.ndim == 2 else picture.mean(axis=2), np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    xx, yy, xy = float((across**2).mean()), float((down**2).mean()), float((across * down).mean())
    if np.hypot(xx - yy, 2 * xy) < 0.2 * (xx + yy):
        return 0.0 if yy >= xx else float(np.pi / 2)
    return float(np.arctan2(2 * xy, xx - yy) / 2 + np.pi / 2)


def _thread(picture: Image, rng: np.random.Generator, brush: Brush) -> tuple[Field, float, float]:
    """A straight line, float32 (H, W) of 0..1, with its angle in radians and its width in pixels."""
    mask: Field = np.zeros(picture.shape[:2], np.float32)
    longest = max(mask.shape)
    if brush.angles:
        angle = float(np.radians(rng.choice(brush.angles)))
    else:
        how = rng.random()
        angle = float(rng.uniform(0, np.pi)) if how < 0.2 else main_direction(picture) + (np.pi / 2 if how < 0.5 else 0)
    length, width_px = between(brush.size, rng) * longest, max(1.0, between(brush.width, rng) * longest)
    half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    middle = rng.uniform(0.05, 0.95, 2) * np.array(mask.shape[::-1])
    ends = [tuple(int(v) for v in np.round((middle + half * sign) * 16)) for sign in (-1, 1)]
    cv2.line(mask, ends[0], ends[1], 1.0, max(1, round(width_px)), cv2.LINE_AA, 4)
    return mask, angle, width_px
