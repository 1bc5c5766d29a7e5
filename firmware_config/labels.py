"""The labels a station may give, and what each means for the line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from firmware_config.strict import STRICT


class Label(BaseModel):
    """One answer of the judge. `meaning` goes to the prompt in plain words; `decision` is what the line is told."""

    model_config = STRICT
    name: str = Field(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$")
    meaning: str = Field(default="", max_length=200, pattern=r"^[^\r\n]*$", description="One line: it stands in the prompt.")
    decision: Literal["ok", "ng", "review"]
