"""The station's controlled vocabulary: each wording of a fact is replaced by one name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from edge.describers.filter.phrases import article_for
from edge.describers.filter.plain_text import MAX_CAPTION_CHARACTERS
from firmware_config.station import Term

PASSES = 8
"""Most passes over a text. A name that was put in can form another wording with the words beside it; sensible terms need fewer passes."""

_LATIN = r"0-9A-Za-zÀ-ɏ"
_PLURAL = {"y": r"(?:y|ies)", "s": r"s(?:es)?", "x": r"x(?:es)?", "h": r"h(?:e?s)?"}


class Terms:
    """Replaces wordings by names.

    A wording matches whole words in any case, in full width and in the plural; in Japanese, which has no spaces between words, it matches
    anywhere. The longest wording wins, and a name is a wording of itself. All other text stays, negations included: "no fracture line"
    becomes "no crack".
    """

    def __init__(self, names: Sequence[tuple[str, Collection[str]]]) -> None:
        self._names = {_folded(wording): name for name, also in names for wording in (name, *also)}
        longest_first = sorted(self._names, key=lambda wording: (-len(wording), wording))
        any_of = "|".join(f"({_pattern(wording)})" for wording in longest_first) or r"(?!)"
        self._pattern = re.compile(rf"(?:(?<![{_LATIN}])(an?)\s+)?(?:{any_of})", re.IGNORECASE)
        self._by_group = [self._names[wording] for wording in longest_first]

    @classmethod
    def of(cls, terms: Sequence[Term]) -> Terms:
        """Make the terms that replace each wording by the station's name."""
        return cls([(term.name, term.also) for term in terms])

    @classmethod
    def known_to(cls, vocabulary: Collection[str], terms: Sequence[Term]) -> Terms:
        """Make the terms that replace each wording by one that the bundle's vocabulary has: the first such wording of the term.

        A term without a wording in the vocabulary replaces nothing.
        """
        wordings = [(term.name, *term.also) for term in terms]
        known = [(next((word for word in words if word in vocabulary), None), words) for words in wordings]
        return cls([(word, words) for word, words in known if word is not None])

    def applied(self, text: str, *, limit: int = MAX_CAPTION_CHARACTERS) -> str:
        """Return `text` with names for wordings, cut at the end of a word to at most `limit` characters.

        Applying the terms again changes nothing. Without terms the text stays as it is, whatever its length.
        """
        if not self._names:
            return text
        before = unicodedata.normalize("NFKC", text)
        for _ in range(PASSES):
            after = _cut(self._pattern.sub(self._name, before), limit)
            if after == before:
                break
            before = after
        return before

    def _name(self, match: re.Match[str]) -> str:
        name = self._by_group[int(match.lastindex or 2) - 2]
        article = match.group(1)
        return name if article is None else f"{article_for(name, article)} {name}"


def _folded(wording: str) -> str:
    return unicodedata.normalize("NFKC", wording).casefold()


def _pattern(wording: str) -> str:
    """Match `wording`. Where its letters are Latin it must stand as whole words, and may be in the plural."""
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
