"""Whether a phrase of a caption is true of a painted picture, by what was painted and without a model.

Phrases are those that `edge.describers.filter.phrases` cuts: "crack", "faint crack", "crack in the upper left". A phrase is true, false, or
doubtful where a strength, a size or a place is near its limit. What it means follows from the product, as in `export.products.captions`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from edge.describers.filter.phrases import cut, has_separator
from export.painting.scene import Defect, Scene
from export.products.limits import ACROSS, ASIDE, LARGE, SMALL, STRENGTH, STRONG
from export.products.product import Product
from export.products.word import PLACELESS_SIZE, PLACES_JA, Truth, Word, above, below, both, is_at
from export.products.wording import MANY, Wording

_GRADES: Mapping[str, Callable[[Defect], Truth]] = {
    "faint": lambda defect: below(defect.strength, STRENGTH),
    "clear": lambda defect: above(defect.strength, STRENGTH),
    "strong": lambda defect: above(defect.strength, STRONG),
    "small": lambda defect: below(defect.size, SMALL),
    "large": lambda defect: above(defect.size, LARGE),
}
_SIDES: Mapping[str, Callable[[Defect], float]] = {
    "on the left side": lambda defect: 0.5 - defect.x,
    "on the right side": lambda defect: defect.x - 0.5,
    "in the upper part": lambda defect: 0.5 - defect.y,
    "in the lower part": lambda defect: defect.y - 0.5,
}
"""How far a defect is beyond the middle line."""


class PhraseTruth:
    """Tells whether phrases are true of scenes, by the wording of a product."""

    def __init__(self, wording: Wording) -> None:
        self._part = wording.product.part.text
        self._grade = re.compile(rf"({'|'.join(_GRADES)}) ")
        places = [f"in the {place}" for place in PLACES_JA]
        self._place = re.compile(rf" ({'|'.join([*places, *_SIDES, f'across the whole {self._part}'])})$")
        self.compounds = tuple(word for word in wording.words if has_separator(word))
        """Words that contain a separator of phrases: a caption is not cut inside them."""
        self._meanings = _meanings(wording, self.compounds)

    def of(self, phrase: str, scene: Scene) -> Truth:
        """Whether a phrase is true of a scene. A phrase that no caption of the product has ("soft dark edges") is false."""
        phrase = phrase.removeprefix(f"{self._part} with ")
        if phrase == self._part:
            return True
        if phrase in self._meanings:
            return _any(word.truth(scene) for word in self._meanings[phrase])
        place = self._place.search(phrase)
        noun, grade = phrase[: place.start()] if place else phrase, None
        if noun not in self._meanings and (grade := self._grade.match(noun)):
            noun = noun[grade.end() :]
        return _any(
            both(
                [
                    word.truth_of_defect(defect),
                    grade is None or _GRADES[grade.group(1)](defect),
                    place is None or self._is_at(defect, place.group(1)),
                ]
            )
            for defect in scene.defects
            for word in self._meanings.get(noun, ())
            if word.tells_a_defect
        )

    def _is_at(self, defect: Defect, place: str) -> Truth:
        if place.startswith("across"):
            return above(defect.size, ACROSS)
        if place in _SIDES:
            return None if defect.size > PLACELESS_SIZE else above(_SIDES[place](defect), ASIDE)
        return is_at(defect, next(one for one in PLACES_JA if place.endswith(one)))


def _meanings(wording: Wording, compounds: Sequence[str]) -> dict[str, tuple[Word, ...]]:
    """What phrases without a grade and without a place mean: one of some words. The phrases of captions go before the vocabularies."""
    found: dict[str, list[Word]] = defaultdict(list)
    for text, word in _words_of_captions(wording.product):
        for phrase in cut(text, compounds=compounds):
            found[phrase.claim].append(word)
    return {text: (word,) for text, word in wording.rules.items()} | {text: tuple(words) for text, words in found.items()}


def _words_of_captions(product: Product) -> Iterator[tuple[str, Word]]:
    """Parts of captions, each with the word that says when it is true."""
    for kind in product.defects:
        yield from ((noun, _word(defects=(kind.name,))) for noun in kind.nouns or (kind.name,))
        for shape, nouns in kind.shape_nouns.items():
            yield from ((noun, _word(defects=(kind.name,), shapes=(shape,))) for noun in nouns)
        for some in (kind.several, kind.name):  # the terms of a station put the singular in its place
            yield f"more {some}", _word(defects=(kind.name,), count=(2, MANY))
    yield from ((thing.caption, _word(harmless=(thing.name,))) for thing in product.harmless if thing.caption)
    slots = defaultdict(str, noun=product.part.text, part=f"a {product.part.text}")
    for patterns, count in ((product.captions.intact, (0, 0)), (product.captions.damaged, (1, MANY))):
        yield from ((" ".join(pattern.format_map(slots).split()), _word(count=count)) for pattern in patterns)


def _word(**conditions: object) -> Word:
    return Word.model_validate({"text": "phrase", "ja": "句", **conditions})


def _any(values: Iterable[Truth]) -> Truth:
    truths = list(values)
    return True if True in truths else None if None in truths else False
