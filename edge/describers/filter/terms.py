"""The station's controlled vocabulary: whatever wording a camera's words come in, the same fact reads the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from edge.describers.filter.phrases import fitted
from edge.describers.filter.plain_text import MAX_CAPTION_CHARACTERS
from firmware_config.station import Term

PASSES = 8
"""A name put in may complete another wording with its neighbours; eight times over is more than terms of sense ever need."""

_LATIN = r"0-9A-Za-zÀ-ɏ"
_PLURAL = {"y": r"(?:y|ies)", "s": r"s(?:es)?", "x": r"x(?:es)?", "h": r"h(?:e?s)?"}


class Terms:
    """Replaces wordings by names.

    A wording is found in any case, in full width, in the plural, as whole words (in Japanese, which puts no space between words,
    anywhere); the longest one counts, and a name counts as a wording of itself. All else stays, negations with it: of "no fracture line"
    becomes "no crack".
    """

    def __init__(self, names: Sequence[tuple[str, Collection[str]]]) -> None:
        self._names = {_folded(wording): name for name, also in names for wording in (name, *also)}
        longest = sorted(self._names, key=lambda wording: (-len(wording), wording))
        any_of = "|".join(f"({_pattern(wording)})" for wording in longest) or r"(?!)"
        self._pattern = re.compile(rf"(?:(?<![{_LATIN}])(an?)\s+)?(?:{any_of})", re.IGNORECASE)
        self._by_group = [self._names[wording] for wording in longest]

    @classmethod
    def of(cls, terms: Sequence[Term]) -> Terms:
        """As the station wants to read its words."""
        return cls([(term.name, term.also) for term in terms])

    @classmethod
    def known_to(cls, vocabulary: Collection[str], terms: Sequence[Term]) -> Terms:
        """As the bundle's own models know them: the first wording of each term that is a word of the vocabulary stands for all of it.

        A term of which the vocabulary knows no wording is left as it is said.
        """
        wordings = [(term.name, *term.also) for term in terms]
        known = [(next((word for word in words if word in vocabulary), None), words) for words in wordings]
        return cls([(word, words) for word, words in known if word is not None])

    def applied(self, text: str, *, limit: int = MAX_CAPTION_CHARACTERS) -> str:
        """`text` in the vocabulary's words, cut at a word's end to `limit` characters; doing it again changes nothing."""
        if not self._names:
            return text
        said = unicodedata.normalize("NFKC", text)
        for _ in range(PASSES):
            named = _cut(self._pattern.sub(self._name, said), limit)
            if named == said:
                break
            said = named
        return said

    def _name(self, found: re.Match[str]) -> str:
        name = self._by_group[int(found.lastindex or 2) - 2]
        article = found.group(1)
        return name if article is None else f"{fitted(article, name)} {name}"


def _folded(wording: str) -> str:
    return unicodedata.normalize("NFKC", wording).casefold()


def _pattern(wording: str) -> str:
    """As whole words, and at its end in the plural, where its letters are Latin."""
    begin = rf"(?<![{_LATIN}])" if re.match(rf"[{_LATIN}]", wording) else ""
    end = wording[-1:]
    if not re.match(r"[a-z]", end):
        return begin + re.escape(wording) + (rf"(?![{_LATIN}])" if re.match(rf"[{_LATIN}]", end) else "")
    return begin + re.escape(wording[:-1]) + _PLURAL.get(end, rf"{end}s?") + rf"(?![{_LATIN}])"


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = text[:limit]
    return (head.rsplit(" ", 1)[0] if text[limit] != " " and " " in head else head).strip()
