"""A word of a vocabulary, and when it is true of a picture.

A word is true, false, or doubtful where a strength, a size or a place is near its limit. A doubtful word is no training target.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from pydantic import BaseModel, Field, model_validator

from export.painting.scene import Defect, Scene
from export.products.phrase import Japanese, Phrase
from export.products.ranges import Shares
from firmware_config.strict import STRICT

Truth: TypeAlias = bool | None
"""True, false, or None for doubtful."""
Role: TypeAlias = Literal["tag", "attribute"]
Place: TypeAlias = Literal["upper left", "upper right", "lower left", "lower right", "centre"]

PLACES_JA: dict[Place, str] = {"upper left": "左上", "upper right": "右上", "lower left": "左下", "lower right": "右下", "centre": "中央"}

PLACELESS_SIZE = 0.6
"""A larger defect (of the picture's longer side) is in no particular place: every place is doubtful."""
BESIDE_MIDDLE = (-0.06, 0.08)
"""A defect is in a quarter from the second distance beyond both middle lines on, and not below the first; in shares of the side."""
NEAR_CENTRE = (0.15, 0.22)
"""A defect is in the centre up to the first distance from it, and not from the second on; in shares of the side."""


class Word(BaseModel):
    """One word of the vocabularies. It is true of a picture if everything that is said here is.

    What is said of defects must hold of one and the same defect.
    """

    model_config = STRICT
    text: Phrase = Field(description="The word, in lower-case English.")
    ja: Japanese = Field(description="Its Japanese translation.")
    role: Role = Field(default="attribute", description='"tag": what there is; "attribute": what it looks like.')
    defects: tuple[Phrase, ...] = Field(default=(), description="Kinds of defect, of which one is there.")
    shapes: tuple[str, ...] = Field(default=(), description="Shapes, of which the defect has one; each painter has its own words for them.")
    not_shapes: tuple[str, ...] = Field(default=(), description="Shapes, of which the defect has none.")
    place: Place | None = Field(default=None, description="Where the defect is.")
    strength_above: Shares | None = Field(
        default=None, description="Limits of the defect's strength (0 to 1): false up to the lower one, true from the upper one on."
    )
    strength_below: Shares | None = Field(
        default=None, description="Limits of the defect's strength (0 to 1): true up to the lower one, false from the upper one on."
    )
    size_above: Shares | None = Field(
        default=None,
        description="Limits of the defect's longest extent (0 to 1 of the picture's longer side): false up to the lower one, true from the "
        "upper one on.",
    )
    size_below: Shares | None = Field(
        default=None,
        description="Limits of the defect's longest extent (0 to 1 of the picture's longer side): true up to the lower one, false from the "
        "upper one on.",
    )
    count: tuple[int, int] | None = Field(
        default=None, description="The least and the largest number of such defects. [0, 0]: there is none. Unset: one or more."
    )
    harmless: tuple[Phrase, ...] = Field(default=(), description="Harmless things, of which one is there.")
    not_harmless: tuple[Phrase, ...] = Field(default=(), description="Harmless things, of which none is there.")

    @model_validator(mode="after")
    def _says_something(self) -> Word:
        if not (self.is_about_defects or self.harmless or self.not_harmless):
            msg = f"the word {self.text!r} has no condition: say when it is true, such as defects, shapes, count or harmless"
            raise ValueError(msg)
        if self.count is not None and not 0 <= self.count[0] <= self.count[1]:
            msg = f"the count of {self.text!r} is {list(self.count)}: give the least and the largest number, such as [2, 99]"
            raise ValueError(msg)
        return self

    @property
    def is_about_defects(self) -> bool:
        """Whether its truth depends on the defects of a picture."""
        limits = (self.place, self.strength_above, self.strength_below, self.size_above, self.size_below, self.count)
        return bool(self.defects or self.shapes or self.not_shapes) or any(limit is not None for limit in limits)

    @property
    def tells_a_defect(self) -> bool:
        """Whether it is false of every intact picture."""
        return self.is_about_defects and (self.count is None or self.count[0] > 0)

    def truth(self, scene: Scene) -> Truth:
        """Whether it is true of a picture."""
        present = set(scene.harmless)
        if (self.harmless and not present & set(self.harmless)) or present & set(self.not_harmless):
            return False
        if not self.is_about_defects:
            return True
        truths = [self.truth_of_defect(defect) for defect in scene.defects]
        sure = truths.count(True)
        most = sure + truths.count(None)
        least, largest = self.count or (1, len(truths))
        return both((_at_least(sure, most, least), _at_most(sure, most, largest)))

    def truth_of_defect(self, defect: Defect) -> Truth:
        """Whether what is said of defects is true of this one."""
        truths: list[Truth] = [
            not self.defects or defect.kind in self.defects,
            not self.shapes or defect.shape in self.shapes,
            defect.shape not in self.not_shapes,
        ]
        if self.place is not None:
            truths.append(is_at(defect, self.place))
        if self.strength_above is not None:
            truths.append(above(defect.strength, self.strength_above))
        if self.strength_below is not None:
            truths.append(below(defect.strength, self.strength_below))
        if self.size_above is not None:
            truths.append(above(defect.size, self.size_above))
        if self.size_below is not None:
            truths.append(below(defect.size, self.size_below))
        return both(truths)


def above(value: float, zone: tuple[float, float]) -> Truth:
    """True from the upper limit on, false up to the lower one."""
    return True if value >= zone[1] else False if value <= zone[0] else None


def below(value: float, zone: tuple[float, float]) -> Truth:
    """True up to the lower limit, false from the upper one on."""
    return True if value <= zone[0] else False if value >= zone[1] else None


def both(truths: Iterable[Truth]) -> Truth:
    """True if all are, false if any is false, doubtful otherwise."""
    found = list(truths)
    return False if False in found else None if None in found else True


def is_at(defect: Defect, place: Place) -> Truth:
    """Whether a defect is at a place; doubtful near the limits of the place and for a defect that is everywhere."""
    if defect.size > PLACELESS_SIZE:
        return None
    right, down = defect.x - 0.5, defect.y - 0.5
    if place == "centre":
        return below(max(abs(right), abs(down)), NEAR_CENTRE)
    return above(min(right if "right" in place else -right, down if "lower" in place else -down), BESIDE_MIDDLE)


def _at_least(sure: int, most: int, count: int) -> Truth:
    return True if sure >= count else None if most >= count else False


def _at_most(sure: int, most: int, count: int) -> Truth:
    return True if most <= count else None if sure <= count else False
