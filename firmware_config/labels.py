"""The labels of a station, and what each means for the line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from firmware_config.strict import STRICT


class Label(BaseModel):
    """One answer of the judge. `meaning` explains it to the language model; `decision` is what the verdict becomes."""

    model_config = STRICT
    name: str = Field(
        min_length=1, max_length=64, pattern=r"^\S(.*\S)?$", description="The answer itself, in any language.", examples=["good"]
    )
    meaning: str = Field(
        default="",
        max_length=200,
        pattern=r"^[^\r\n]*$",
        description="What the label means: one line in plain words, which is part of the instruction.",
    )
    decision: Literal["ok", "ng", "review"] = Field(
        description='What the line gets: "ok" passes, "ng" is rejected, "review" is for a person to check.', examples=["ok"]
    )
