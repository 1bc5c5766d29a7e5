"""Painters of print: characters that should not be there, and print that is smudged."""

from __future__ import annotations

import string

import cv2
import numpy as np

from export.painting.noise import Field, between, blurred
from export.painting.scene import Brush, Change, Image
from export.painting.tone import at_strength, toned

CHARACTERS = string.ascii_uppercase + string.digits + "-./"
LEAST_CHARACTER_PX = 6
"""No character is narrower, or nobody could tell print from dirt."""
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_PLAIN)


def printed_characters(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Print two to eight characters (fewer where they would be too narrow), level or tilted a little; `size` is how long the print is."""
    form = _print(picture, rng, brush)
    return toned(picture, at_strength(blurred(form, 0.5), brush, rng), "print", brush, rng)


def smudged_print(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Print characters that are smeared in one direction."""
    form = _print(picture, rng, brush)
    ys, xs = np.nonzero(form > 0)
    length = 0.2 * between(brush.size, rng) * max(form.shape) if not xs.size else max(3.0, 0.2 * float(max(np.ptp(xs), np.ptp(ys))))
    angle = float(rng.uniform(0, np.pi))
    half = int(np.ceil(length / 2))
    smear: Field = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    step = np.array([np.cos(angle), np.sin(angle)]) * half
    cv2.line(smear, tuple(int(v) for v in half - step), tuple(int(v) for v in half + step), 1.0, 1, cv2.LINE_AA)
    smeared = np.asarray(cv2.filter2D(form, -1, smear / smear.sum()), np.float32)
    return toned(picture, at_strength(np.maximum(smeared, form * np.float32(rng.uniform(0, 0.4))), brush, rng), "smudge", brush, rng)


def _print(picture: Image, rng: np.random.Generator, brush: Brush) -> Field:
    """Characters, float32 (H, W) of 0..1, inside the picture as far as they fit."""
    rows, columns = picture.shape[:2]
    levels = np.zeros((rows, columns), np.uint8)
    font, length = int(rng.choice(FONTS)), max(2.0 * LEAST_CHARACTER_PX, between(brush.size, rng) * max(rows, columns))
    count = min(int(rng.integers(2, 9)), int(length / LEAST_CHARACTER_PX))
    text = "".join(rng.choice(list(CHARACTERS), count))
    (width, height), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = length / width
    thickness = max(1, round(scale * rng.uniform(1, 2.5)))
    left = int(rng.uniform(0, max(1, columns - width * scale)))
    base = int(rng.uniform(min(height * scale, rows - 1), rows))
    cv2.putText(levels, text, (left, base), font, scale, 255, thickness, cv2.LINE_AA)
    form: Field = np.asarray(levels / 255, np.float32)
    if rng.random() < 0.5:
        turn = cv2.getRotationMatrix2D((left + width * scale / 2, base - height * scale / 2), float(rng.uniform(-20, 20)), 1.0)
        form = np.asarray(cv2.warpAffine(form, turn, form.shape[::-1]), np.float32)
    return form
