"""What pictures are measured against, as it stands in a memory file."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, model_validator

from edge.familiarity.arrays import array_of, array_text, grey_of, grey_text
from edge.measures.learn import MAX_NEIGHBOURS
from edge.measures.measures import Measures, Reference
from edge.measures.neighbours import Neighbours
from edge.measures.texture import Normal, Texture
from edge.measures.view import GRID, SMALL_PX, STATISTICS
from firmware_config.measuring import MEASURES
from firmware_config.strict import STRICT

Side = Annotated[int, Field(ge=1, le=SMALL_PX)]
BLOCKS, WHOLE = GRID * GRID * STATISTICS, 2 * STATISTICS


class ReferenceFile(BaseModel):
    """One number among good pictures; `slight` and `limit` are in spreads."""

    model_config = STRICT
    median: float
    spread: float = Field(gt=0)
    slight: float = Field(description="From here on a picture gets the first step.")
    limit: float = Field(description="From here on a picture gets the second step.")

    @model_validator(mode="after")
    def _steps_have_a_width(self) -> ReferenceFile:
        if not self.limit > self.slight:
            msg = f"limit {self.limit:g} must be more than slight {self.slight:g}"
            raise ValueError(msg)
        return self


class MeasuresFile(BaseModel):
    """Small pictures of known parts, the texture of good ones, and the references. Arrays are in base64."""

    model_config = STRICT
    height: Side = Field(description="Of a small picture, in pixels.")
    width: Side
    count: int = Field(ge=1, le=MAX_NEIGHBOURS, description="Number of small pictures.")
    pictures: str = Field(description="The small pictures, uint8 (count, height, width).")
    spread: str = Field(description="How much good pictures differ from their nearest at each pixel, float32 (height, width).")
    block_mean: str
    block_inverse: str
    whole_mean: str
    whole_inverse: str
    references: dict[str, ReferenceFile]

    @model_validator(mode="after")
    def _references_are_complete(self) -> MeasuresFile:
        wrong = sorted(set(MEASURES) ^ set(self.references))
        if wrong:
            msg = f"references must be of {', '.join(MEASURES)}, but {wrong[0]!r} is missing or unknown"
            raise ValueError(msg)
        return self

    @classmethod
    def of(cls, measures: Measures) -> MeasuresFile:
        """The measures as they are written."""
        pictures, texture = measures.neighbours.pictures, measures.texture
        return cls(
            height=pictures.shape[1],
            width=pictures.shape[2],
            count=len(pictures),
            pictures=grey_text(pictures),
            spread=array_text(measures.neighbours.spread),
            block_mean=array_text(texture.blocks.mean),
            block_inverse=array_text(texture.blocks.inverse),
            whole_mean=array_text(texture.whole.mean),
            whole_inverse=array_text(texture.whole.inverse),
            references={
                name: ReferenceFile(median=one.median, spread=one.spread, slight=one.slight, limit=one.limit)
                for name, one in measures.references.items()
            },
        )

    def opened(self) -> Measures:
        """The measures as they were learned: the same pictures get the same words.

        Raises:
            ValueError: an array has another size or a number that is not finite.
        """
        shape = (self.height, self.width)
        pictures = grey_of(self.pictures, self.count * self.height * self.width).reshape(self.count, *shape)
        spread = array_of(self.spread, self.height * self.width).reshape(shape).astype(np.float32)
        if (spread < 0).any():
            msg = "a spread is below 0"
            raise ValueError(msg)
        blocks = Normal(
            array_of(self.block_mean, BLOCKS).reshape(GRID, GRID, STATISTICS),
            array_of(self.block_inverse, STATISTICS * STATISTICS).reshape(STATISTICS, STATISTICS),
        )
        whole = Normal(array_of(self.whole_mean, WHOLE), array_of(self.whole_inverse, WHOLE * WHOLE).reshape(WHOLE, WHOLE))
        references = {name: Reference(one.median, one.spread, one.slight, one.limit) for name, one in self.references.items()}
        return Measures(Neighbours(pictures, spread), Texture(blocks, whole), references)
