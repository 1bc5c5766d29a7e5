"""Detects printed text in a picture: rows of sharp strokes of equal width and equal ink, dark or bright, in any direction.

The text is detected, not read: a vision model that reads it may believe it more than the part (a crack with "PASS" beside it). Two logistic
rules look at each part of the size of a character (`edge/picture/text_parts.py`). The first says how much it looks like a character. Two
neighbours of similar size, stroke and ink that both look like characters may be printed text.

A surface with a texture of its own, as cloth, mesh, felt or brushed metal, is full of parts that look like characters. So the second rule
says how much a part looks like print and not like what surfaces are made of. The more parts of a picture look like characters, the surer it
must be: the likeliest of many looks like print by chance. On a smooth surface the first rule decides nearly alone.

The rules were fitted on text that was printed by seed onto cells of the starter's source, onto cells with drawn grain and onto rendered
textures, by `python -m export.studies.typographic_attack.fit_detector`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge.picture.text_parts import FEATURES, Floats, Parts, find_parts
from edge.records import Pixels

MAX_SIDE_PX = 640
"""Larger pictures are made smaller first; characters must then still be about ten pixels high."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A logistic rule on the first features of a part: log-odds are bias + weights · (features - means) / deviations."""

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def log_odds(self, features: Floats) -> Floats:
        """Of parts, float64 (N, features) in the order of FEATURES; float64 (N,)."""
        known = features[:, : len(self.weights)]
        return np.asarray(self.bias + (known - self.means) / self.deviations @ self.weights)


CHARACTER = Rule(
    means=(2.883, 0.903, 0.212, 0.48, 0.502, 1.049, 0.221, 2.506, 0.447, 2.436),
    deviations=(0.424, 0.291, 0.078, 0.125, 0.388, 0.382, 0.081, 0.478, 0.544, 0.4),
    weights=(1.624, 2.352, -1.53, 0.05, 0.532, 1.473, -0.249, -1.908, 1.396, -0.178),
    bias=-7.89,
)
"""Log-odds that a part looks like a character. It knows all features but the prominence."""
LEAST_PAIR, LEAST_ALONE = -1.0, 2.5
"""Least log-odds for printed text: of two neighbours together, and of one part alone (letters that touch each other)."""
RUN_TOGETHER = np.log(1.5)
"""Least aspect ratio (logarithm) of one part alone: touching letters reach it, the corner of a frame does not."""
TURNED_ASPECT, TURNED_OUTLINE, TURNED_CHARACTER, TURNED_PRINT = 0.3, np.log(3.0), 1.0, 5.5
"""The box of touching letters that are turned is nearly square: there a long outline and high log-odds of print make up for it.

The outline is three times the longer side: a line and the corner of a frame have less. The limits were taken by eye: more small turned
words are found, with no more false alarms on real cells and one more on 100 rendered cells with painted defects.
"""

PRINT = Rule(
    means=(4.035, 1.721, 0.204, 0.451, 0.444, 1.069, 0.271, 2.424, 0.309, 3.726, 1.087),
    deviations=(0.415, 0.39, 0.08, 0.141, 0.424, 0.444, 0.082, 0.43, 1.036, 0.93, 0.687),
    weights=(0.775, 0.748, -1.928, -0.747, 0.887, 1.511, -0.112, -2.106, 1.035, -0.808, 3.319),
    bias=1.466,
)
"""Log-odds that a part that looks like a character is print and no part of the surface."""
CANDIDATE_FROM, LEAST_SURENESS = -1.0, -1.75
"""A part is a candidate if its log-odds as a character reach CANDIDATE_FROM. The log-odds of print of two neighbours together, or twice
those of one part alone, must reach LEAST_SURENESS plus the logarithm of the number of candidates (at most MAX_PARTS of them count)."""

LIKE_SIZE, LIKE_INK, LIKE_STROKE, LIKE_SCALE = np.log(2.0), np.log(1.6), np.log(1.6), 0.8
REACH, APART = 1.6, 0.6
"""Neighbours: greatest and least distance of their centres, in sides of the larger and of the smaller part."""
MAX_PARTS, MAX_PARTNERS = 64, 512
"""Only so many of the likeliest parts are paired, each with so many others, so that the time does not depend on how noisy a picture is.

Text that is repeated over the whole picture needs many partners: its likeliest parts may all be the same letter.
"""


def has_printed_text(pixels: Pixels) -> bool:
    """Whether a picture, uint8 (H, W, 3) BGR, holds printed text."""
    return any(_is_text(find_parts(plane)) for plane in _planes(pixels))


def _planes(pixels: Pixels) -> list[NDArray[np.uint8]]:
    """The plane of a grey picture, or the three of a coloured one: red text on grey of the same brightness counts. Sides are limited."""
    shrink = MAX_SIDE_PX / max(pixels.shape[:2])
    size = [max(1, round(side * shrink)) for side in pixels.shape[1::-1]]
    small: MatLike = pixels
    while min(small.shape[:2]) > 1 and max(small.shape[:2]) >= 2 * MAX_SIDE_PX:
        # Halving is seven times as fast as a resize by a broken factor, and the mean of means is the mean.
        small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA)
    if shrink < 1:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    blue, green, red = cv2.split(small)
    grey = np.array_equal(blue, green) and np.array_equal(green, red)
    return [np.asarray(plane, np.uint8) for plane in ((green,) if grey else (blue, green, red))]


def _is_text(parts: Parts) -> bool:
    # In this form, log-odds that are NaN count as text.
    return not sureness(parts) < LEAST_SURENESS


def sureness(parts: Parts) -> float:
    """How surely there is printed text: the greatest log-odds of print, less the logarithm of the number of candidates.

    Minus infinity if no part alone and no two neighbours look like characters.
    """
    character = CHARACTER.log_odds(parts.features)
    prints = PRINT.log_odds(parts.features)
    pairs, alone = neighbours(parts, character, prints), _touching_letters(parts, character, prints)
    if not len(pairs) + len(alone):
        return -np.inf
    greatest = np.concatenate([prints[pairs].sum(1), 2 * prints[alone]]).max()
    candidates = min(max(1, int((character >= CANDIDATE_FROM).sum())), MAX_PARTS)
    return float(greatest - np.log(candidates))


def neighbours(parts: Parts, character: Floats, prints: Floats, *, least: float = LEAST_PAIR) -> NDArray[np.int64]:
    """The numbers of neighbours that together look like characters, int64 (P, 2); `character`, `prints`: log-odds of both rules."""
    order = np.argsort(-(character + np.minimum(prints, 0)), kind="stable")[:MAX_PARTNERS]
    best = order[:MAX_PARTS]
    others = order[~(character[order] < least - character.max(initial=-np.inf))]
    together = character[best][:, None] + character[others][None]
    first, second = np.nonzero(_are_neighbours(parts, best, others) & ~(together < least))
    return np.stack([best[first], others[second]], 1)


def _touching_letters(parts: Parts, character: Floats, prints: Floats) -> NDArray[np.int64]:
    """The numbers of the parts that alone look like letters that touch each other, int64 (A,)."""
    aspect, outline = (parts.features[:, FEATURES.index(name)] for name in ("aspect", "outline"))
    straight = (aspect >= RUN_TOGETHER) & ~(character < LEAST_ALONE)
    turned = (aspect >= TURNED_ASPECT) & (outline >= TURNED_OUTLINE) & (character >= TURNED_CHARACTER) & (prints >= TURNED_PRINT)
    return np.flatnonzero(straight | turned)


def _are_neighbours(parts: Parts, best: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the parts `best` and `others` stand beside each other and have similar size, ink, stroke and scale; bool (B, O)."""

    def ratios(values: Floats) -> Floats:
        logs = np.log(values)
        return np.asarray(np.abs(logs[best][:, None] - logs[others][None]))

    sides, signs = parts.boxes.max(1), np.sign(parts.inks)
    distances = np.hypot(*(parts.middles[best][:, None] - parts.middles[others][None]).transpose(2, 0, 1))
    return np.asarray(
        (distances < REACH * np.maximum(sides[best][:, None], sides[others][None]))
        & (distances > APART * np.minimum(sides[best][:, None], sides[others][None]))
        & (signs[best][:, None] == signs[others][None])
        & (ratios(sides) < LIKE_SIZE)
        & (ratios(np.abs(parts.inks)) < LIKE_INK)
        & (ratios(parts.strokes) < LIKE_STROKE)
        & (ratios(parts.scales) < LIKE_SCALE)
    )
