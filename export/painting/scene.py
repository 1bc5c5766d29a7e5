"""What is painted: the picture, the brush, the change that a painter makes, and the ground truth that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.float32]
"""A picture, float32 (H, W) grey or (H, W, 3) BGR, 0..1 and a little above; painters keep shape and number of channels."""
Range: TypeAlias = tuple[float, float]
"""The lowest and the highest value; a painter draws evenly between them unless it says otherwise."""
Direction: TypeAlias = Literal["darker", "brighter", "both"]


@dataclass(frozen=True, slots=True, eq=False)
class Brush:
    """The choices of a product for one painter.

    `strength` is the share by which brightness or structure changes at the strongest place (0..1), `size` the longest extent as a share of
    the picture's longer side (0..1). `width` is how thick a line is, as a share of the longer side; no line is thinner than a pixel.
    `angles` are directions in degrees (0 to the right, 90 down) that lines prefer. `others` are more good pictures of the product, from
    which texture is cut. `masks` are bool (H, W), one for each component of an assembled part.
    """

    strength: Range = (0.15, 0.7)
    size: Range = (0.02, 0.5)
    width: Range = (0.006, 0.016)
    angles: tuple[float, ...] = ()
    direction: Direction = "darker"
    others: Sequence[Image] = ()
    masks: Sequence[NDArray[np.bool_]] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A picture after painting. `extent` float32 (H, W), 0..1: where it was changed, and how strongly; all 0 if nothing could be painted.

    `shape` is a word for the form of the change, such as "branched".
    """

    pixels: Image
    extent: NDArray[np.float32]
    shape: str


Painter: TypeAlias = Callable[[Image, np.random.Generator, Brush], Change]
"""Paints one defect, or one harmless thing, onto a picture; never changes its argument."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One painted defect.

    `x` and `y` are its centre (0..1, to the right and down), `size` its longest extent (0..1 of the picture's longer side), `strength` how
    strongly it differs from what was there (0..1). `kind` is a name of the product's, `shape` the painter's word for its form.
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
class Scene:
    """What is in a picture: its defects, and the names of the harmless things that were painted."""

    defects: tuple[Defect, ...] = ()
    harmless: tuple[str, ...] = ()

    @property
    def kind(self) -> str | None:
        """The kind of the most visible defect; None without a defect."""
        return max(self.defects, key=lambda defect: defect.visibility).kind if self.defects else None
