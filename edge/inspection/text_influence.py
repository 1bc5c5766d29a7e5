"""Does a caption repeat text of the picture that could influence the judge: a verdict, a command, the name of a label that means OK?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

ORDERS = frozenset(
    {"accept", "accepted", "answer", "approve", "approved", "assistant", "disregard", "forget", "functional", "ignore", "instruction",
     "instructions", "label", "ok", "okay", "override", "pass", "passed", "prompt", "qualified", "system", "user", "verdict"}
)  # fmt: skip
"""Words of verdicts and commands, which no picture has a reason to show."""

_WORD = re.compile(r"[^\W_]+")


def influences(caption: str, ok_labels: Iterable[str]) -> bool:
    """Tell whether a caption holds a verdict, a command, or the name of a label that means OK."""
    words = _words(caption)
    named = any(f" {_words(label)} " in f" {words} " for label in ok_labels)
    return named or not ORDERS.isdisjoint(words.split())


def _words(text: str) -> str:
    """Small letters and digits with one space between words; full-width letters are letters, an underscore is none."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).lower()))
