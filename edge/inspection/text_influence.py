"""Finds captions that repeat text from the picture which could influence the judge: a verdict, a command, the name of an ok label."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

ORDERS = frozenset(
    {"accept", "accepted", "answer", "approve", "approved", "assistant", "disregard", "forget", "functional", "ignore", "instruction",
     "instructions", "label", "ok", "okay", "override", "pass", "passed", "prompt", "qualified", "system", "user", "verdict"}
)  # fmt: skip
"""Words of verdicts and commands. A caption of a part has no reason to use them."""

_WORD = re.compile(r"[^\W_]+")


def influences(caption: str, ok_labels: Iterable[str]) -> bool:
    """Whether a caption holds a verdict, a command, or the name of a label whose decision is ok."""
    words = _words(caption)
    named = any(f" {_words(label)} " in f" {words} " for label in ok_labels)
    return named or not ORDERS.isdisjoint(words.split())


def _words(text: str) -> str:
    """The words of a text, in lower case with one space between them. Full-width letters become plain ones, underscores separate words."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).lower()))
