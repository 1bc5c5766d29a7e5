"""Captions as one line of plain characters: text in the picture is data, and nothing of a prompt's structure may come in with it."""

from __future__ import annotations

import re

MAX_CAPTION_CHARACTERS = 240
"""Longer than any caption of 64 tokens should be; what goes beyond is cut."""

_NOT_TEXT = re.compile(r"[^\w\s,.'()/-]+")
_COMMAS = str.maketrans({"、": ", ", "，": ", "})
_SPACE = re.compile(r"\s+")


def clean(caption: str) -> str:
    """One line of plain characters: no control characters, no markup, no colons (a line that ends in one is a heading); cut."""
    return _SPACE.sub(" ", _NOT_TEXT.sub(" ", caption.translate(_COMMAS))).strip()[:MAX_CAPTION_CHARACTERS]
