"""The ground truth of a painted picture: its defects, its material and its light."""

from __future__ import annotations

from dataclasses import dataclass

from export.painting.scene import Defect

KINDS = ("intact", "crack", "dark area", "corner or edge", "stain", "finger interruption", "dead cell")
"""Kinds of defect. Index 0 means no defect; a patch's kind is an index into this tuple."""


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
