"""Sentences about a picture, from the patterns of a product. They say only what is sure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

import numpy as np

from export.painting.scene import Defect, Scene
from export.products.limits import ACROSS, ASIDE, LARGE, SMALL, STRENGTH, STRONG
from export.products.product import Product
from export.products.word import PLACELESS_SIZE, PLACES_JA, above, below, is_at

_ARTICLE = re.compile(r"\ba (?=(?!uni|use|one)[aeiou])")


def caption(product: Product, scene: Scene, rng: np.random.Generator) -> str:
    """One sentence, lower-case ASCII, the most visible defect first."""
    slots = {"part": _part(product, scene)}
    if not scene.defects:
        return _filled(str(rng.choice(product.captions.intact)), slots)
    first, *others = sorted(scene.defects, key=lambda defect: -defect.visibility)
    slots |= {
        "strength": _strength(first),
        "size": _size(first),
        "noun": _noun(product, first, rng),
        "place": _place(product, first),
        "more": _more(product, first, others, rng),
    }
    return _filled(str(rng.choice(product.captions.damaged)), slots)


def examples(product: Product, count: int) -> Iterator[str]:
    """Captions of one clear defect of each of the first kinds, and then of an intact part; `count` in all."""
    rng = np.random.default_rng(0)
    for number, kind in enumerate(product.defects[: count - 1]):
        defect = Defect(kind=kind.name, shape="", x=0.2 + 0.6 * (number % 2), y=0.2, size=0.1, strength=0.9)
        yield caption(product, Scene((defect,)), rng)
    yield caption(product, Scene(), rng)


def sentences(product: Product) -> Iterator[str]:
    """Sentences with every word that a caption of a product may have."""
    for pattern in (*product.captions.damaged, *product.captions.intact):
        yield _filled(pattern, dict.fromkeys((slot for _, slot, _, _ in Formatter().parse(pattern) if slot), ""))
    yield f"a an and more with faint clear strong small large {product.part.text}"
    yield "in the upper lower part on the left right side across the whole"
    yield from PLACES_JA
    for kind in product.defects:
        yield kind.several
        yield from (noun for nouns in (kind.nouns or (kind.name,), *kind.shape_nouns.values()) for noun in nouns)
    yield from (thing.caption for thing in product.harmless if thing.caption)


def _filled(pattern: str, slots: dict[str, str]) -> str:
    return _ARTICLE.sub("an ", " ".join(pattern.format_map(slots).split()))


def _part(product: Product, scene: Scene) -> str:
    shown = [thing.caption for thing in product.harmless if thing.caption and thing.name in scene.harmless]
    return f"a {product.part.text}" + (f" with {' and '.join(shown)}" if shown else "")


def _strength(defect: Defect) -> str:
    if above(defect.strength, STRONG):
        return "strong"
    return "clear" if above(defect.strength, STRENGTH) else "faint" if below(defect.strength, STRENGTH) else ""


def _size(defect: Defect) -> str:
    if above(defect.size, ACROSS):
        return ""  # its place says so
    return "large" if above(defect.size, LARGE) else "small" if below(defect.size, SMALL) else ""


def _noun(product: Product, defect: Defect, rng: np.random.Generator) -> str:
    return str(rng.choice(product.kind(defect.kind).nouns_of(defect.shape)))


def _place(product: Product, defect: Defect) -> str:
    """Where a defect is, or nothing where that is doubtful."""
    if above(defect.size, ACROSS):
        return f"across the whole {product.part.text}"
    if defect.size > PLACELESS_SIZE:
        return ""
    place = next((place for place in PLACES_JA if is_at(defect, place)), None)
    if place is not None:
        return f"in the {place}"
    right, down = defect.x - 0.5, defect.y - 0.5
    if abs(right) >= abs(down):
        return f"on the {'right' if right > 0 else 'left'} side" if above(abs(right), ASIDE) else ""
    return f"in the {'lower' if down > 0 else 'upper'} part" if above(abs(down), ASIDE) else ""


def _more(product: Product, first: Defect, others: list[Defect], rng: np.random.Generator) -> str:
    """That there are more of the same kind, and the most visible defect of another kind."""
    same = f"and more {product.kind(first.kind).several}" if any(defect.kind == first.kind for defect in others) else ""
    other = next((defect for defect in others if defect.kind != first.kind), None)
    return f"{same} and a {_strength(other)} {_size(other)} {_noun(product, other, rng)}" if other else same
