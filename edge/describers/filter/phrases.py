"""A caption cut into the phrases that can be true or false each for itself, and put together again without those that are struck."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.describers.filter.antonyms import elsewhere, exchanged, modifier_before

_PREPOSITION = (
    r"(?:in|inside|on|at|near|along|across|through|above|below|under|over|beside|between|around|with|without|of(?=\s+(?:an?|the)\s))"
)
_JOINT = re.compile(rf"\s*[,、]\s*(?:(?:and|or)\s+)?|\s+(?:and|or)\s+|\s+(?={_PREPOSITION}\s)", re.IGNORECASE)
_OWN = re.compile(rf"(?!without\b)({_PREPOSITION})\s+(?=an?\s)", re.IGNORECASE)
_TAIL = re.compile(rf"{_PREPOSITION}\s", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:an?|the)\s+", re.IGNORECASE)
_NEW = re.compile(r"(?:an?|the|more|some|several|two|three|many)\s", re.IGNORECASE)
_NEGATED = re.compile(r"\b(?:no|not|nothing|never|none|without|neither|nor|free|lacks?|lacking)\b|n't\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of a caption.

    `joint` stands before it where something is left of it, `text` is what it says, `claim` the words to be checked against the picture,
    `against` the same claim with its modifier or its place exchanged. A modifier ("clear") and a tail ("in the upper left") stand only
    with their `head`, a position in the caption's phrases; their claim is theirs and the head's ("clear crack").
    """

    text: str
    joint: str
    claim: str
    against: tuple[str, ...] = ()
    head: int | None = None
    modifies: bool = False


def cut(caption: str, *, whole: Sequence[str] = ()) -> tuple[Phrase, ...]:
    """Cut at commas, at "and" and "or", before prepositions, and take modifiers out; never inside one of the words `whole`.

    What follows a preposition and "a" ("of a mono cell") is a thing of its own; any other prepositional tail ("in the upper left", "with
    grain", always "without ...") belongs to what it follows. A negation holds for the whole list that it begins ("no cracks and stains")
    and is never taken apart, so that what is left of a caption does not say the contrary of what it said.
    """
    phrases: list[Phrase] = []
    start, joint = 0, ""
    spans = [found.span() for word in whole for found in re.finditer(re.escape(word), caption, re.IGNORECASE)]
    joints = [place for place in _JOINT.finditer(caption) if not any(first < place.end() and place.start() < last for first, last in spans)]
    for place in [*joints, None]:
        text = caption[start : place.start() if place else len(caption)].strip()
        if place and _NEGATED.search(text) and not _begins_anew(caption, place):
            continue
        if text:
            phrases += _phrases(text, joint, phrases)
        if place:
            start, joint = place.end(), _joint(place.group())
    return tuple(phrases)


def join(phrases: Sequence[Phrase], kept: Sequence[bool]) -> str:
    """The caption of the phrases that are kept; what belongs to a head that is gone goes with it."""
    said = ""
    for index, phrase in enumerate(phrases):
        if phrase.modifies or not stands(phrases, kept, index):
            continue
        modifiers = [other.text for i, other in enumerate(phrases) if other.modifies and other.head == index and kept[i]]
        said += (phrase.joint if said else "") + _with_modifiers(phrase.text, modifiers)
    return said


def stands(phrases: Sequence[Phrase], kept: Sequence[bool], index: int) -> bool:
    """Tell whether a phrase is kept, and its head too."""
    head = phrases[index].head
    return kept[index] and (head is None or kept[head])


def holds_joint(text: str) -> bool:
    """Tell whether `text` holds something that a caption is cut at."""
    return bool(_JOINT.search(text))


def denies(text: str) -> bool:
    """Tell whether a phrase says that something is not there."""
    return bool(_NEGATED.search(text))


def _begins_anew(caption: str, place: re.Match[str]) -> bool:
    """Where an article, a number or another negation follows, a negation ends."""
    rest = caption[place.end() :]
    if place.group().isspace():
        return bool(_OWN.match(rest))
    return bool(_NEW.match(rest) or _NEGATED.match(rest))


def _phrases(text: str, joint: str, before: Sequence[Phrase]) -> list[Phrase]:
    """A thing with its modifiers, or a tail of the last thing."""
    follows = bool(before) and joint == " "
    own = _OWN.match(text) if follows else None
    if own is not None:
        text, joint = text[own.end() :], f" {own.group(1)} "
    elif follows and _TAIL.match(text):
        head = next(i for i in range(len(before) - 1, -1, -1) if before[i].head is None)
        claim = f"{before[head].claim} {text}"
        return [Phrase(text, " ", claim, elsewhere(claim), head)]
    if _NEGATED.search(text):
        return [Phrase(text, joint, text)]
    article = _ARTICLE.match(text)
    noun, modifiers = text[article.end() :] if article else text, []
    while (modifier := modifier_before(noun)) is not None:
        modifiers.append(modifier)
        noun = noun[len(modifier) :].strip()
    head = len(before)
    plain = _with_modifiers((article.group() if article else "") + noun, [])
    claims = [(modifier, f"{modifier} {noun}") for modifier in modifiers]
    return [
        Phrase(plain, joint, noun),
        *(Phrase(modifier, " ", claim, exchanged(claim, modifier), head, modifies=True) for modifier, claim in claims),
    ]


def _with_modifiers(text: str, modifiers: Sequence[str]) -> str:
    """`text` with modifiers behind its article, and the article fitted to what then follows it."""
    article = _ARTICLE.match(text)
    rest = " ".join([*modifiers, text[article.end() :] if article else text])
    if article is None:
        return rest
    return f"{fitted(article.group().strip(), rest)} {rest}"


def fitted(article: str, rest: str) -> str:
    """The article as it must be before `rest`: "an" before a vowel; "the" stays."""
    if article.lower() not in {"a", "an"}:
        return article
    return article[0] + ("n" if rest[:1].lower() in set("aeiou") else "")


def _joint(between: str) -> str:
    word = between.strip(" ,、").lower()
    return (", " if {",", "、"} & set(between) else " ") + (f"{word} " if word else "")
