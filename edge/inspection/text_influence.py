"""Text in a picture is data, not orders: what may go from a caption into the judge's prompt."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_CAPTION_CHARACTERS = 240
"""Longer than any caption of 64 tokens should be; what goes beyond is cut."""

ORDERS = frozenset(
    {"accept", "accepted", "answer", "approve", "approved", "assistant", "disregard", "forget", "functional", "ignore", "instruction",
     "instructions", "label", "ok", "okay", "override", "pass", "passed", "prompt", "qualified", "system", "user", "verdict"}
)  # fmt: skip
"""Words of verdicts and commands, which no picture has a reason to show."""

_NOT_TEXT = re.compile(r"[^\w\s,.'()/-]+")
_COMMAS = str.maketrans({"、": ", ", "，": ", "})
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+")


def clean(caption: str) -> str:
    """One line of plain characters: no control characters, no markup, no colons (a line that ends in one is a heading); cut."""
    return _SPACE.sub(" ", _NOT_TEXT.sub(" ", caption.translate(_COMMAS))).strip()[:MAX_CAPTION_CHARACTERS]


def influences(caption: str, ok_labels: Iterable[str]) -> bool:
    """Tell whether a caption holds a verdict, a command, or the name of a label that means OK."""
    words = _words(caption)
    named = any(f" {_words(label)} " in f" {words} " for label in ok_labels)
    return named or not ORDERS.isdisjoint(words.split())


def _words(text: str) -> str:
    """Small letters and digits with one space between words; full-width letters are letters, an underscore is none."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).lower()))
