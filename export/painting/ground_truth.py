"""The ground truth of a painted picture: its defects, its material and its light."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("intact", "crack", "dark area", "corner or edge", "stain", "finger interruption", "dead cell")
"""Kinds of defect. Index 0 means no defect; a patch's kind is an index into this tuple."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One painted defect.

    `x` and `y` are its centre (0..1, to the right and down). `size` is its longest extent (0..1 of the picture's side). `strength` is how
    much darker it is than its surroundings (0..1). `kind` is one of KINDS, `shape` a word for its form, such as "branched" (see paint.py).
    """

    kind: str
    shape: str
    x: float
    y: float
    size: float
    strength: float

    @property
    def visibility(self) -> float:
        """How much the defect catches the eye: strong and large defects first."""
        return self.strength * (0.3 + self.size)


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """What is in a picture.

    `material` is "mono" or "poly". `clouds`: the grain has dark dislocation clouds. `uneven`: the light falls off to one side, which is no
    defect.
    """

    material: str
    clouds: bool
    uneven: bool
    defects: tuple[Defect, ...]

    @property
    def kind(self) -> str:
        """The kind of the most visible defect; "intact" without a defect."""
        if not self.defects:
            return KINDS[0]
        return max(self.defects, key=lambda defect: defect.visibility).kind
