"""What is known of a painted picture: the truth from which its words follow."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("intact", "crack", "dark area", "corner or edge", "stain", "finger interruption", "dead cell")
"""Index 0 is no defect; the order is that of the patch labels."""


@dataclass(frozen=True, slots=True)
class Defect:
    """What was painted.

    `x`, `y` centre (0..1, right and down); `size` its longest extent (0..1 of the side); `strength` how much darker than its
    surroundings (0..1); `shape` a word of the kind's own: see paint.py.
    """

    kind: str
    shape: str
    x: float
    y: float
    size: float
    strength: float


@dataclass(frozen=True, slots=True)
class Truth:
    """`material` "mono" or "poly"; `clouds` dark dislocation clouds in the grain; `uneven` a brightness slope that is no defect."""

    material: str
    clouds: bool
    uneven: bool
    defects: tuple[Defect, ...]

    @property
    def kind(self) -> str:
        """The kind of the defect that shows most."""
        if not self.defects:
            return KINDS[0]
        return max(self.defects, key=lambda defect: defect.strength * (0.3 + defect.size)).kind
