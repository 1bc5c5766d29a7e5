"""Cut a caption into phrases that can be checked one by one, and join those that are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.describers.filter.antonyms import leading_modifier, with_other_modifiers, with_other_places

_PREPOSITION = (
    r"(?:in|inside|on|at|near|along|across|through|above|below|under|over|beside|between|around|with|without|of(?=\s+(?:an?|the)\s))"
)
_SEPARATOR = re.compile(rf"\s*[,、]\s*(?:(?:and|or)\s+)?|\s+(?:and|or)\s+|\s+(?={_PREPOSITION}\s)", re.IGNORECASE)
_PREPOSITION_AND_A = re.compile(rf"(?!without\b)({_PREPOSITION})\s+(?=an?\s)", re.IGNORECASE)
_TAIL = re.compile(rf"{_PREPOSITION}\s", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:an?|the)\s+", re.IGNORECASE)
_DETERMINER = re.compile(r"(?:an?|the|more|some|several|two|three|many)\s", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:no|not|nothing|never|none|without|neither|nor|free|lacks?|lacking)\b|n't\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of a caption: a noun, a modifier of a noun ("clear"), or a tail of a noun ("in the upper left").

    `text` is the phrase as the caption has it, without modifiers. `separator` joins it to the text before it. `claim` is what the picture
    must support. A modifier or a tail has a `head`, the position of its noun among the phrases of the caption: it is kept only with its
    head, and its claim includes the head's ("clear crack"). `contrasts` are the claim with another modifier or another place.
    """

    text: str
    separator: str
    claim: str
    contrasts: tuple[str, ...] = ()
    head: int | None = None
    is_modifier: bool = False


def cut(caption: str, *, compounds: Sequence[str] = ()) -> tuple[Phrase, ...]:
    """Cut a caption at commas, at "and" and "or", before prepositions and around modifiers, but never inside one of `compounds`.

    A preposition with "a" ("of a mono cell") starts a new noun. Any other preposition, and always "without", starts a tail of the noun
    before it ("in the upper left", "with grain"). A negation covers the whole list after it ("no cracks and stains") and stays in one
    phrase, so that striking a phrase never reverses the meaning of the rest.
    """
    phrases: list[Phrase] = []
    start, separator = 0, ""
    spans = [match.span() for word in compounds for match in re.finditer(re.escape(word), caption, re.IGNORECASE)]
    cuts = [match for match in _SEPARATOR.finditer(caption) if not any(low < match.end() and match.start() < high for low, high in spans)]
    for match in [*cuts, None]:
        text = caption[start : match.start() if match else len(caption)].strip()
        if match and _NEGATION.search(text) and not _ends_negation(caption, match):
            continue
        if text:
            phrases += _phrases(text, separator, phrases)
        if match:
            start, separator = match.end(), _normalised(match.group())
    return tuple(phrases)


def join(phrases: Sequence[Phrase], supported: Sequence[bool]) -> str:
    """Join the supported phrases to a caption. A phrase whose head is not supported is left out too."""
    caption = ""
    for index, phrase in enumerate(phrases):
        if phrase.is_modifier or not is_kept(phrases, supported, index):
            continue
        modifiers = [other.text for i, other in enumerate(phrases) if other.is_modifier and other.head == index and supported[i]]
        caption += (phrase.separator if caption else "") + _with_modifiers(phrase.text, modifiers)
    return caption


def is_kept(phrases: Sequence[Phrase], supported: Sequence[bool], index: int) -> bool:
    """Tell whether the phrase at `index` is supported, and so is its head if it has one."""
    head = phrases[index].head
    return supported[index] and (head is None or supported[head])


def has_separator(text: str) -> bool:
    """Tell whether `cut` would cut inside `text`."""
    return bool(_SEPARATOR.search(text))


def is_negated(text: str) -> bool:
    """Tell whether `text` contains a negation ("no crack", "without grain")."""
    return bool(_NEGATION.search(text))


def article_for(rest: str, article: str) -> str:
    """Return `article` as it must be before `rest`: "a" becomes "an" before a vowel and the reverse; "the" stays."""
    if article.lower() not in {"a", "an"}:
        return article
    return article[0] + ("n" if rest[:1].lower() in set("aeiou") else "")


def _ends_negation(caption: str, separator: re.Match[str]) -> bool:
    """Tell whether a negation ends at `separator`: a determiner, "in a ..." or another negation follows."""
    rest = caption[separator.end() :]
    if separator.group().isspace():
        return bool(_PREPOSITION_AND_A.match(rest))
    return bool(_DETERMINER.match(rest) or _NEGATION.match(rest))


def _phrases(text: str, separator: str, before: Sequence[Phrase]) -> list[Phrase]:
    """Make the phrases of one piece of a caption: a noun and its modifiers, or a tail of the last noun in `before`."""
    follows = bool(before) and separator == " "
    preposition = _PREPOSITION_AND_A.match(text) if follows else None
    if preposition is not None:
        text, separator = text[preposition.end() :], f" {preposition.group(1)} "
    elif follows and _TAIL.match(text):
        head = next(i for i in range(len(before) - 1, -1, -1) if before[i].head is None)
        claim = f"{before[head].claim} {text}"
        return [Phrase(text, " ", claim, with_other_places(claim), head)]
    if _NEGATION.search(text):
        return [Phrase(text, separator, text)]
    article = _ARTICLE.match(text)
    noun, modifiers = text[article.end() :] if article else text, []
    while (modifier := leading_modifier(noun)) is not None:
        modifiers.append(modifier)
        noun = noun[len(modifier) :].strip()
    head = len(before)
    plain = _with_modifiers((article.group() if article else "") + noun, [])
    claims = [(modifier, f"{modifier} {noun}") for modifier in modifiers]
    return [
        Phrase(plain, separator, noun),
        *(Phrase(modifier, " ", claim, with_other_modifiers(claim, modifier), head, is_modifier=True) for modifier, claim in claims),
    ]


def _with_modifiers(text: str, modifiers: Sequence[str]) -> str:
    """Put `modifiers` before the noun of `text`, after its article, and correct the article."""
    article = _ARTICLE.match(text)
    rest = " ".join([*modifiers, text[article.end() :] if article else text])
    if article is None:
        return rest
    return f"{article_for(rest, article.group().strip())} {rest}"


def _normalised(separator: str) -> str:
    """Write a separator in one way: a space, ", ", or either with "and " or "or "."""
    word = separator.strip(" ,、").lower()
    return (", " if {",", "、"} & set(separator) else " ") + (f"{word} " if word else "")
