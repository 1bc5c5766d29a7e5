"""Figures with their intervals, and shares with their counts."""

from __future__ import annotations

from pydantic import BaseModel, Field, model_validator

from firmware_config.strict import STRICT


class Figure(BaseModel):
    """A figure with its 95 % interval; `low` and `high` are None where none is known."""

    model_config = STRICT
    value: float
    low: float | None = None
    high: float | None = None


class Share(BaseModel):
    """`count` of `of`, with the 95 % interval of the share, 0..1. An `of` of 0 is nothing seen: the interval is 0..1."""

    model_config = STRICT
    count: int = Field(ge=0)
    of: int = Field(ge=0)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _within(self) -> Share:
        if self.count > self.of:
            msg = f"{self.count} of {self.of} is no share"
            raise ValueError(msg)
        return self

    @property
    def value(self) -> float | None:
        """The share, 0..1; None if nothing was seen."""
        return self.count / self.of if self.of else None
