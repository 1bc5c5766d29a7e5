"""Finds the rule of a station that decides on a description. It compares whole words; it guesses nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from edge.records import Words
from firmware_config.word_rules import WordRule

DENIALS = frozenset({"no", "not", "without"})
"""A phrase right after one of them is not said: "no crack"."""

_WORD = re.compile(r"[^\W_]+")
_PAUSE = re.compile(r"[,;.:]")
"""A phrase does not go on over a comma."""


def first_rule(rules: Sequence[WordRule], words: Words) -> WordRule | None:
    """The first rule that applies to a description; None if none does."""
    return next((rule for rule in rules if _applies(rule, words)), None)


def _applies(rule: WordRule, words: Words) -> bool:
    said = [part for source in rule.where for text in _texts(words, source) for part in _parts(text)]
    return all(_is_said(_split(phrase), said, denied=False) for phrase in rule.when) and not any(
        _is_said(_split(phrase), said, denied=True) for phrase in rule.unless
    )


def _texts(words: Words, source: str) -> Iterable[str]:
    return words.captions if source == "captions" else (tag.word for tag in (words.tags if source == "tags" else words.attributes))


def _parts(text: str) -> list[list[str]]:
    """The words of each part of a text between commas."""
    return [_split(part) for part in _PAUSE.split(unicodedata.normalize("NFKC", text))]


def _split(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _is_said(phrase: Sequence[str], parts: Iterable[Sequence[str]], *, denied: bool) -> bool:
    """Whether a phrase stands in one of the parts; with `denied` also after a denial."""
    return any(
        part[start : start + len(phrase)] == phrase and (denied or start == 0 or part[start - 1] not in DENIALS)
        for part in parts
        for start in range(len(part) - len(phrase) + 1)
        if phrase
    )
