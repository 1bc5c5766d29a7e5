"""Modifiers and places that exclude each other. The filter compares a phrase with the same phrase after such an exchange."""

from __future__ import annotations

import re

MODIFIERS: tuple[tuple[str, ...], ...] = (
    ("faint", "slight", "clear", "strong", "very dark"),
    ("short", "long"),
    ("small", "tiny", "large", "big"),
    ("thin", "thick"),
    ("narrow", "wide"),
)
"""Adjectives of strength and size. A phrase is complete without them, and captioners invent them more often than nouns."""

PLACES: tuple[tuple[str, ...], ...] = (
    ("upper left", "upper right", "lower left", "lower right", "centre", "center", "middle"),
    ("top left", "top right", "bottom left", "bottom right"),
    ("upper", "lower"),
    ("top", "bottom"),
    ("left", "right"),
    ("whole", "half"),
)
"""Words of place. The first group that has a word in the phrase is used, so groups of longer words come first."""

_CENTRE = {"centre", "center", "middle"}
_MODIFIERS_LONGEST_FIRST = sorted((word for group in MODIFIERS for word in group), key=len, reverse=True)


def leading_modifier(text: str) -> str | None:
    """Return the modifier at the start of `text` as it is written there; None if there is none or nothing follows it."""
    modifier = next((word for word in _MODIFIERS_LONGEST_FIRST if text.lower().startswith(f"{word} ")), None)
    return modifier and text[: len(modifier)]


def with_other_modifiers(phrase: str, modifier: str) -> tuple[str, ...]:
    """Return `phrase` once for each other word in the group of `modifier`, with that word in place of `modifier`."""
    group = next(group for group in MODIFIERS if modifier.lower() in group)
    return tuple(_replaced(phrase, modifier, other) for other in group if other != modifier.lower())


def with_other_places(phrase: str) -> tuple[str, ...]:
    """Return `phrase` once for each other place in the group of its place; empty if it names no place."""
    for group in PLACES:
        place = next((word for word in group if re.search(rf"\b{word}\b", phrase, re.IGNORECASE)), None)
        if place is not None:
            return tuple(_replaced(phrase, place, other) for other in group if other != place and not {place, other} <= _CENTRE)
    return ()


def _replaced(phrase: str, word: str, other: str) -> str:
    return re.sub(rf"\b{re.escape(word)}\b", other, phrase, count=1, flags=re.IGNORECASE)
