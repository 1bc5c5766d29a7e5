"""Captions as one line of plain text. A caption is data: it must not bring the structure of a prompt into the judge's prompt."""

from __future__ import annotations

import re

MAX_CAPTION_CHARACTERS = 240
"""More than a sensible caption of 64 tokens (the maximum of describe.max_tokens) has; longer captions are cut."""

_NOT_TEXT = re.compile(r"[^\w\s,.'()/-]+")
_COMMAS = str.maketrans({"、": ", ", "，": ", "})
_SPACE = re.compile(r"\s+")


def clean(caption: str) -> str:
    """Return `caption` as one line of plain text, at most MAX_CAPTION_CHARACTERS long.

    Control characters and markup become spaces. So do colons, because a line that ends in a colon is a heading of the prompt.
    """
    return _SPACE.sub(" ", _NOT_TEXT.sub(" ", caption.translate(_COMMAS))).strip()[:MAX_CAPTION_CHARACTERS]
