"""What a station measures a picture against, and the words that come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.measures.neighbours import Neighbours
from edge.measures.numbers import Numbers, numbers_of
from edge.measures.texture import Texture
from edge.measures.view import View, view_of
from edge.records import Measured, Pixels
from edge.texts.measured import STEPS, measured_word
from firmware_config.measuring import MEASURES, Measuring

VALUE_STEP = 0.5
"""Spreads. Values are rounded to it: a message need not show the noise of a sensor."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One number among good pictures: `median` and `spread`, and in spreads from the median where words begin.

    From `slight` on a picture gets the first step, from `limit` on the second; each further step is as wide as the first.
    """

    median: float
    spread: float
    slight: float
    limit: float

    def spreads(self, value: float) -> float:
        """How many spreads a value is beyond the median."""
        return (value - self.median) / self.spread

    def step(self, spreads: float) -> int:
        """The step of strength, 0 (no word) to STEPS."""
        if not spreads >= self.slight:
            return 0
        return min(STEPS, 1 + int((spreads - self.slight) / (self.limit - self.slight)))


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """What good pictures of a station look like: their nearest neighbours, their texture, and a reference for each of MEASURES."""

    neighbours: Neighbours
    texture: Texture
    references: Mapping[str, Reference]

    def numbers(self, view: View) -> Numbers:
        """The numbers of a picture."""
        difference = self.neighbours.in_spreads(self.neighbours.difference(view.small))
        return numbers_of(view, difference, self.texture)

    def words(self, numbers: Numbers, measuring: Measuring = MEASURES) -> tuple[Measured, ...]:
        """The words of a picture's numbers, in the order of MEASURES; `measuring` says of which."""
        spreads = {name: self.references[name].spreads(value) for name, value in zip(MEASURES, numbers.values.tolist(), strict=True)}
        # The dark parts may be darker and the bright ones brighter; that is contrast, and one of the two words is enough.
        weaker = "darker" if spreads["darker"] <= spreads["brighter"] else "brighter"
        found = []
        for name, value in spreads.items():
            said = measuring is True or (measuring and name in measuring)
            step = 0 if name == weaker or not said else self.references[name].step(value)
            if step:
                rounded = round(value / VALUE_STEP) * VALUE_STEP
                found.append(Measured(measured_word(name, step, numbers.places.get(name, "")), rounded))
        return tuple(found)


def measured_words(pixels: Pixels, measures: Measures, measuring: Measuring = MEASURES) -> tuple[Measured, ...]:
    """The measured words of a picture, uint8 (H, W, 3) BGR, after the region of interest was cut."""
    return measures.words(measures.numbers(view_of(pixels)), measuring)
