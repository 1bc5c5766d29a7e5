"""The English of a product's words: lower-case ASCII, so that the tokenizer of the bundle, its vocabularies and a station agree."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator, Field

PHRASE = re.compile(r"[a-z0-9]+(?:[ '-][a-z0-9]+)*")
MAX_CHARACTERS = 64
"""As a station's words."""
MAX_LISTED = 16
"""A sentence lists no more names."""


def _phrase(text: str) -> str:
    if not PHRASE.fullmatch(text) or len(text) > MAX_CHARACTERS:
        allowed = f"at most {MAX_CHARACTERS} lower-case letters a to z, digits, hyphens and single spaces"
        msg = f"{text[:MAX_CHARACTERS]!r} is no phrase: write {allowed}"
        raise ValueError(msg)
    return text


Phrase = Annotated[str, AfterValidator(_phrase)]
"""A word or a few words in lower-case English."""
Japanese = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$")]
"""A translation, on one line."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a sentence that says which of `names` a wrong name was probably meant to be, or which there are."""
    known = sorted(names)
    close = get_close_matches(name, known, n=1)
    if close:
        return f"the nearest is {close[0]!r}"
    if len(known) > MAX_LISTED:
        return f"there are {len(known)} others"
    return f"there are {', '.join(known)}" if known else "there are none"
