"""The words of a product: two closed vocabularies, which of their words are true of a picture, and captions of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from export.painting.scene import Scene
from export.products.captions import caption, sentences
from export.products.limits import LARGE, SMALL, STRENGTH
from export.products.painted import DefectKind
from export.products.product import Product
from export.products.word import PLACES_JA, Role, Word

MANY = 99
"""More defects than a picture has."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A word of a thermometer: how sure the eye is that a part is intact, or damaged."""

    text: str
    ja: str
    of: Literal["intact", "damaged"]


EVIDENCE = (
    Evidence("certainly intact", "確実に正常", "intact"),
    Evidence("almost certainly intact", "ほぼ確実に正常", "intact"),
    Evidence("very likely intact", "正常の可能性が非常に高い", "intact"),
    Evidence("likely intact", "正常の可能性が高い", "intact"),
    Evidence("quite possibly intact", "正常の可能性が十分にある", "intact"),
    Evidence("possibly intact", "正常かもしれない", "intact"),
    Evidence("possibly damaged", "異常かもしれない", "damaged"),
    Evidence("quite possibly damaged", "異常の可能性が十分にある", "damaged"),
    Evidence("likely damaged", "異常の可能性が高い", "damaged"),
    Evidence("very likely damaged", "異常の可能性が非常に高い", "damaged"),
    Evidence("almost certainly damaged", "ほぼ確実に異常", "damaged"),
    Evidence("certainly damaged", "確実に異常", "damaged"),
)
"""Tags of every product, by rising levels of how damaged a picture looks: one of damage is true above its level, the others below theirs.

From a scene alone they are doubtful: the tails of an eye say how sure it is.
"""
LOWEST_LEVEL, HIGHEST_LEVEL = 0.1, 0.35
"""The levels are evenly spaced from what this share of intact pictures stays below to what this share of defective ones stays below."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The vocabularies of a product, the most telling words first.

    `translations` has the Japanese of every word. `rules` has the words whose truth follows from a scene, which the evidence's does not.
    """

    product: Product
    tags: tuple[str, ...]
    attributes: tuple[str, ...]
    translations: Mapping[str, str]
    rules: Mapping[str, Word]

    @property
    def words(self) -> tuple[str, ...]:
        """Tags, then attributes."""
        return (*self.tags, *self.attributes)

    @property
    def defect_words(self) -> NDArray[np.bool_]:
        """The words that are false of every intact picture, bool (words,)."""
        return np.array([word in self.rules and self.rules[word].tells_a_defect for word in self.words])

    def truths(self, scene: Scene) -> NDArray[np.int8]:
        """The truth of every word, int8 (words,): 1 true, 0 false, -1 doubtful."""
        found = (self.rules[word].truth(scene) if word in self.rules else None for word in self.words)
        return np.array([-1 if truth is None else int(truth) for truth in found], np.int8)

    def caption(self, scene: Scene, rng: np.random.Generator) -> str:
        """One lower-case sentence about a picture, in one of many wordings."""
        return caption(self.product, scene, rng)

    def corpus(self, rng: np.random.Generator) -> tuple[str, ...]:
        """Sentences with every word of the vocabularies and of all captions, for a tokenizer, in random order."""
        corpus = [*self.words, *sentences(self.product)]
        rng.shuffle(corpus)
        return tuple(corpus)


def wording_of(product: Product) -> Wording:
    """The wording of a product."""
    rules = {word.text: word for word in _words_of_every_product(product)}
    rules |= {word.text: word for word in product.words}
    rules |= {word.text: word for word in _harmless_words(product) if word.text not in rules}
    tags, attributes = ([word.text for word in rules.values() if word.role == role] for role in ("tag", "attribute"))
    tags[2:2] = [evidence.text for evidence in EVIDENCE]
    translations = {word.text: word.ja for word in rules.values()} | {evidence.text: evidence.ja for evidence in EVIDENCE}
    return Wording(product, tuple(tags), tuple(attributes), translations, rules)


def _words_of_every_product(product: Product) -> Iterator[Word]:
    part = product.part
    yield Word(text=f"intact {part.text}", ja=f"正常な{part.ja}", role="tag", count=(0, 0))
    yield Word(text=f"damaged {part.text}", ja=f"異常のある{part.ja}", role="tag", count=(1, MANY))
    for kind in product.defects:
        if not kind.measured_only:
            yield from _words_of(kind)
    yield Word(text="no marks", ja="異常箇所なし", count=(0, 0))
    yield Word(text="a single mark", ja="異常箇所は1つだけ", count=(1, 1))
    yield Word(text="several marks", ja="複数の異常箇所", count=(2, MANY))
    for place, ja in PLACES_JA.items():
        yield Word(text=f"a mark in the {place}", ja=f"{ja}に異常箇所", place=place)
    yield Word(text="a faint mark", ja="かすかな異常箇所", strength_below=STRENGTH)
    yield Word(text="a clear mark", ja="はっきりした異常箇所", strength_above=STRENGTH)
    yield Word(text="a small mark", ja="小さな異常箇所", size_below=SMALL)
    yield Word(text="a large mark", ja="大きな異常箇所", size_above=LARGE)


def _words_of(kind: DefectKind) -> Iterator[Word]:
    """Of a kind of defect: its name, several, and its grades."""
    name, kinds = kind.name, (kind.name,)
    role: Role = "tag"
    grades = {
        "faint": Word(text=f"faint {name}", ja=f"かすかな{kind.ja}", role=role, defects=kinds, strength_below=STRENGTH),
        "clear": Word(text=f"clear {name}", ja=f"はっきりした{kind.ja}", role=role, defects=kinds, strength_above=STRENGTH),
        "small": Word(text=f"small {name}", ja=f"小さな{kind.ja}", role=role, defects=kinds, size_below=SMALL),
        "large": Word(text=f"large {name}", ja=f"大きな{kind.ja}", role=role, defects=kinds, size_above=LARGE),
    }
    yield Word(text=name, ja=kind.ja, role=role, defects=kinds)
    if kind.more:
        yield Word(text=f"several {kind.several}", ja=f"複数の{kind.ja}", role=role, defects=kinds, count=(2, MANY))
    yield from (grades[grade] for grade in kind.grades)


def _harmless_words(product: Product) -> Iterator[Word]:
    for thing in product.harmless:
        if thing.role != "none":
            yield Word(text=thing.name, ja=thing.ja, role=thing.role, harmless=(thing.name,))
