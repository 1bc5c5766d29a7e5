"""Which pictures a station keeps on the box as evidence. No verdict depends on it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from firmware_config.strict import STRICT


class Evidence(BaseModel):
    """Pictures that are kept on the box, so that people can see what a verdict was. No verdict depends on these keys."""

    model_config = STRICT
    keep: tuple[Literal["review", "ng", "fault"], ...] = Field(
        default=("review", "ng", "fault"),
        description='The decisions whose pictures are kept: "review", "ng", "fault". An empty list: none of them.',
    )
    ok_share: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=0.01,
        description="The share of the pictures judged OK (0 to 1) that is kept too; they are the first to make room for others.",
    )

    @property
    def is_none(self) -> bool:
        """Whether no picture at all is kept."""
        return not self.keep and not self.ok_share
