"""Which measured words are said of a picture."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Measure: TypeAlias = Literal[
    "darker", "brighter", "flatter", "contrast", "softer", "sharper",
    "darker_place", "darker_area", "brighter_place", "brighter_area", "texture_place", "texture_whole",
]  # fmt: skip
"""What is measured of a picture. Those with `_place` and `_area` compare with the nearest known pictures, or with known texture."""

Measuring: TypeAlias = bool | tuple[Measure, ...]
"""True: all measures. False or none: nothing is measured. Else: the measures by name."""

MEASURES: tuple[Measure, ...] = get_args(Measure)
"""All of them, in the order of the words."""
