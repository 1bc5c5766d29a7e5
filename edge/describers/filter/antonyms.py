"""Words of which one thing can bear only one at a time: what a phrase is contrasted with when one of them is exchanged."""

from __future__ import annotations

import re

MODIFIERS: tuple[tuple[str, ...], ...] = (
    ("faint", "slight", "clear", "strong", "very dark"),
    ("short", "long"),
    ("small", "tiny", "large", "big"),
    ("thin", "thick"),
    ("narrow", "wide"),
)
"""Adjectives of strength and size: a phrase reads well without them, and they are what captioners invent most readily."""

PLACES: tuple[tuple[str, ...], ...] = (
    ("upper left", "upper right", "lower left", "lower right", "centre", "center", "middle"),
    ("top left", "top right", "bottom left", "bottom right"),
    ("upper", "lower"),
    ("top", "bottom"),
    ("left", "right"),
    ("whole", "half"),
)
"""Words of place, the longer ones first: of a phrase the first set counts that has a word in it."""


def modifier_before(text: str) -> str | None:
    """The modifier with which `text` begins, if it begins with one and something follows."""
    found = next((word for word in _ALL if text.lower().startswith(f"{word} ")), None)
    return found and text[: len(found)]


def exchanged(phrase: str, word: str) -> tuple[str, ...]:
    """`phrase` with the modifier `word` exchanged for each of its opposites."""
    group = next(group for group in MODIFIERS if word.lower() in group)
    return tuple(_replaced(phrase, word, other) for other in group if other != word.lower())


def elsewhere(phrase: str) -> tuple[str, ...]:
    """`phrase` with its place exchanged for others; empty where it names none."""
    for group in PLACES:
        word = next((word for word in group if re.search(rf"\b{word}\b", phrase, re.IGNORECASE)), None)
        if word is not None:
            same = {"centre", "center", "middle"}
            return tuple(_replaced(phrase, word, other) for other in group if other != word and not {word, other} <= same)
    return ()


def _replaced(phrase: str, word: str, other: str) -> str:
    return re.sub(rf"\b{re.escape(word)}\b", other, phrase, count=1, flags=re.IGNORECASE)


_ALL = sorted((word for group in MODIFIERS for word in group), key=len, reverse=True)
