"""The rules of a station in words: which words decide, whatever the judge makes of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from firmware_config.strict import STRICT

Phrase = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\w(.*\S)?$")]
Source = Literal["tags", "attributes", "captions"]


class WordRule(BaseModel):
    """If a picture's words say this, the verdict is that. The first rule that applies decides; the judge does not count then."""

    model_config = STRICT
    name: str = Field(
        min_length=1, max_length=64, pattern=r"^\S(.*\S)?$", description="It stands in the verdict.", examples=["small stains pass"]
    )
    when: tuple[Phrase, ...] = Field(
        min_length=1, max_length=16, description="Words or phrases that must all be said. One after no, not or without does not count.",
        examples=[["small stain"]],
    )  # fmt: skip
    unless: tuple[Phrase, ...] = Field(
        default=(), max_length=64, description="Words or phrases of which none may be said, not even after no, not or without.",
        examples=[["crack", "several"]],
    )  # fmt: skip
    where: tuple[Source, ...] = Field(
        default=("captions",),
        min_length=1,
        description="Which words are read: captions, tags, attributes. Tags and attributes are always the nearest of a list, even where "
        "nothing is near; only captions are statements.",
    )
    decision: Literal["ok", "ng", "review"] = Field(
        description='What the line gets. "ok" still needs a picture that is healthy, familiar, in time and free of printed text.',
        examples=["ok"],
    )
