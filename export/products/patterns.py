"""Patterns of captions: plain text with slots in braces."""

from __future__ import annotations

from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from export.products.phrase import nearest
from firmware_config.strict import STRICT

SLOTS: dict[str, tuple[str, ...]] = {
    "damaged": ("strength", "size", "noun", "place", "more", "part"),
    "intact": ("part",),
}
"""The slots of the patterns."""


def _pattern_of(kind: str) -> AfterValidator:
    def require(pattern: str) -> str:
        try:
            slots = [slot for _, slot, _, _ in Formatter().parse(pattern) if slot is not None]
        except ValueError as err:
            msg = f"the pattern {pattern!r} has a brace without its partner ({err}): write slots as {{part}}"
            raise ValueError(msg) from err
        for slot in slots:
            if slot not in SLOTS[kind]:
                msg = f"the pattern {pattern!r} has no slot {slot!r}, {nearest(slot, SLOTS[kind])}: correct it"
                raise ValueError(msg)
        if not pattern.isascii() or pattern != pattern.lower():
            msg = f"the pattern {pattern!r} is not in lower-case ASCII: write it so"
            raise ValueError(msg)
        if kind == "damaged" and "noun" not in slots:
            msg = f"the pattern {pattern!r} does not name the defect: put {{noun}} into it"
            raise ValueError(msg)
        return pattern

    return AfterValidator(require)


class Captions(BaseModel):
    """Patterns of the sentences that the captioner learns. A slot without content leaves nothing behind."""

    model_config = STRICT
    damaged: tuple[Annotated[str, _pattern_of("damaged")], ...] = Field(
        default=(
            "a {strength} {size} {noun} {place} {more} of {part}",
            "a {strength} {size} {noun} {place} {more} , {part}",
            "damaged , a {strength} {size} {noun} {place} {more} , {part}",
        ),
        min_length=1,
        description="Of a damaged part, with the slots {strength}, {size}, {noun} and {place} of the most visible defect, {more} for the "
        "others, and {part}.",
    )
    intact: tuple[Annotated[str, _pattern_of("intact")], ...] = Field(
        default=("an intact surface on {part} , no marks", "no damage , {part} , no damage to be seen", "intact , {part} , no marks"),
        min_length=1,
        description="Of an intact part, with the slot {part}.",
    )
