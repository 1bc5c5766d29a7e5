"""Descriptions of two labels that a tiny model can tell apart."""

from __future__ import annotations

from typing import NamedTuple

from edge.records import Tag, Words
from firmware_config.labels import Label

LABELS = (Label(name="good", decision="ok"), Label(name="crack", decision="ng"), Label(name="stain", decision="ng"))
GOOD, BAD = ("clean", "even", "bright"), ("dark line", "split", "branch")


class Described(NamedTuple):
    """Words with what is right for them."""

    words: list[Words]
    right: list[str | tuple[str, ...]]


def described(count: int, *, first: int = 0) -> Described:
    """`count` good and as many defective descriptions; of every other defective one only this is known."""
    words: list[Words] = []
    right: list[str | tuple[str, ...]] = []
    for number in range(first, first + count):
        for side, allowed in ((GOOD, "good"), (BAD, "crack" if number % 2 else ("crack", "stain"))):
            tags = (side[number % 3], side[(number + 1) % 3], f"n{number % 4}")
            words.append(Words(tuple(Tag(tag, 0.0) for tag in tags), (), (f"a {side[number % 3]} part",)))
            right.append(allowed)  # type: ignore[arg-type]
    return Described(words, right)


EXAMPLES, VALIDATION = described(8), described(4, first=20)
