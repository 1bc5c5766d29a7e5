"""The words of the starter bundle: two closed vocabularies and captions in varied wording, all derived from the ground truth.

A word is true of a picture, false, or doubtful where a strength, size or position is near the limit of the word. A doubtful word is no
training target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from export.painting.ground_truth import KINDS, GroundTruth
from export.painting.scene import Defect

Truth: TypeAlias = bool | None
"""True, false, or None for doubtful."""

FAINT, CLEAR = 0.18, 0.35
"""A defect below the first strength is faint, above the second it is clear; between them both words are doubtful."""

_DEFECT_RULES: dict[str, Callable[[Defect], Truth]] = {
    "crack": lambda d: d.kind == "crack",
    "hairline crack": lambda d: d.kind == "crack" and _below(d.strength, FAINT, CLEAR),
    "clear crack": lambda d: d.kind == "crack" and _above(d.strength, FAINT, CLEAR),
    "long crack": lambda d: d.kind == "crack" and _above(d.size, 0.35, 0.5),
    "short crack": lambda d: d.kind == "crack" and _below(d.size, 0.25, 0.4),
    "branched crack": lambda d: d.kind == "crack" and d.shape == "branched",
    "crossed cracks": lambda d: d.kind == "crack" and d.shape == "crossed",
    "dark area": lambda d: d.kind == "dark area",
    "large dark area": lambda d: d.kind == "dark area" and _above(d.size, 0.3, 0.5),
    "small dark area": lambda d: d.kind == "dark area" and _below(d.size, 0.2, 0.35),
    "inactive region": lambda d: d.kind == "dark area" and _above(d.strength, 0.35, 0.6),
    "dark corner": lambda d: d.kind == "corner or edge" and d.shape == "corner",
    "dark edge": lambda d: d.kind == "corner or edge" and d.shape == "edge",
    "stain": lambda d: d.kind == "stain",
    "spots": lambda d: d.kind == "stain" and d.shape == "spots",
    "finger interruption": lambda d: d.kind == "finger interruption",
    "dead cell": lambda d: d.kind == "dead cell",
    "half dead cell": lambda d: d.kind == "dead cell" and d.shape == "half",
    "a thin dark line": lambda d: d.kind == "crack",
    "a faint dark line": lambda d: d.kind == "crack" and _below(d.strength, FAINT, CLEAR),
    "a clear dark line": lambda d: d.kind == "crack" and _above(d.strength, FAINT, CLEAR),
    "a line through the whole cell": lambda d: d.kind == "crack" and _above(d.size, 0.6, 0.8),
    "lines that meet": lambda d: d.kind == "crack" and d.shape != "line",
    "a dark region with sharp edges": lambda d: d.kind == "dark area",
    "a slightly dark region": lambda d: d.kind == "dark area" and _below(d.strength, 0.25, 0.45),
    "an almost black region": lambda d: d.kind in {"dark area", "dead cell"} and _above(d.strength, 0.55, 0.75),
    "a soft dark spot": lambda d: d.kind == "stain",
    "narrow dark stripes": lambda d: d.kind == "finger interruption",
    "a dark border": lambda d: d.kind == "corner or edge",
    "the whole cell is dark": lambda d: d.kind == "dead cell",
    "a mark in the upper left": lambda d: _in_quarter(d, 0, 0),
    "a mark in the upper right": lambda d: _in_quarter(d, 1, 0),
    "a mark in the lower left": lambda d: _in_quarter(d, 0, 1),
    "a mark in the lower right": lambda d: _in_quarter(d, 1, 1),
    "a mark in the centre": lambda d: _below(max(abs(d.x - 0.5), abs(d.y - 0.5)), 0.15, 0.22),
    "a small mark": lambda d: _below(d.size, 0.15, 0.25),
    "a large mark": lambda d: _above(d.size, 0.4, 0.6),
    "a faint mark": lambda d: _below(d.strength, FAINT, CLEAR),
    "a clear mark": lambda d: _above(d.strength, FAINT, CLEAR),
}

_CELL_RULES: dict[str, Callable[[GroundTruth], Truth]] = {
    "intact cell": lambda t: not t.defects,
    "damaged cell": lambda t: bool(t.defects),
    "mono cell": lambda t: t.material == "mono",
    "poly cell": lambda t: t.material == "poly",
    "several cracks": lambda t: sum(d.kind == "crack" for d in t.defects) > 1,
    "dislocation cloud": lambda t: t.clouds,
    "no dark marks": lambda t: not t.defects,
    "nothing but busbars and fingers": lambda t: not t.defects and t.material == "mono",
    "several marks": lambda t: len(t.defects) > 1,
    "a single mark": lambda t: len(t.defects) == 1,
    "bright and dark grains": lambda t: t.material == "poly",
    "dark speckle inside grains": lambda t: t.clouds,
    "an even surface": lambda t: t.material == "mono" and not t.defects and not t.uneven,
    "uneven light": lambda t: t.uneven,
}

TAGS = (
    "intact cell", "damaged cell", "mono cell", "poly cell", "dislocation cloud", "crack", "hairline crack", "clear crack",
    "long crack", "short crack", "branched crack", "crossed cracks", "several cracks", "dark area", "large dark area",
    "small dark area", "inactive region", "dark corner", "dark edge", "stain", "spots", "finger interruption", "dead cell",
    "half dead cell",
)  # fmt: skip
ATTRIBUTES = tuple(word for word in (*_CELL_RULES, *_DEFECT_RULES) if word not in TAGS)

DEFECT_WORDS: NDArray[np.bool_] = np.array(
    [word in _DEFECT_RULES or word in {"damaged cell", "several cracks", "several marks", "a single mark"} for word in (*TAGS, *ATTRIBUTES)]
)
"""bool (tags + attributes,): the words that are false of every intact cell."""


def _above(value: float, low: float, high: float) -> Truth:
    return True if value >= high else False if value <= low else None


def _below(value: float, low: float, high: float) -> Truth:
    return True if value <= low else False if value >= high else None


def _in_quarter(defect: Defect, right: int, down: int) -> Truth:
    """Whether the defect is in this quarter; doubtful near the middle lines and for a large defect."""
    if defect.size > 0.6:
        return None
    across, along = (defect.x - 0.5) * (1 if right else -1), (defect.y - 0.5) * (1 if down else -1)
    return _above(min(across, along), -0.06, 0.08)


def word_targets(ground_truth: GroundTruth) -> NDArray[np.int8]:
    """The truth of every word, int8 (tags + attributes,): 1 true, 0 false, -1 doubtful. A word for defects is true if it fits any."""
    truths: list[Truth] = []
    for word in (*TAGS, *ATTRIBUTES):
        if word in _CELL_RULES:
            truths.append(_CELL_RULES[word](ground_truth))
        else:
            by_defect = [_DEFECT_RULES[word](defect) for defect in ground_truth.defects]
            truths.append(True if True in by_defect else None if None in by_defect else False)
    return np.array([-1 if truth is None else int(truth) for truth in truths], np.int8)


def _place(defect: Defect) -> str:
    if defect.size > 0.75:
        return "across the whole cell"
    column = "left" if defect.x < 0.38 else "right" if defect.x > 0.62 else ""
    row = "upper" if defect.y < 0.38 else "lower" if defect.y > 0.62 else ""
    if not column and not row:
        return "in the centre"
    if column and row:
        return f"in the {row} {column}"
    return f"on the {column} side" if column else f"in the {row} part"


NOUNS: dict[tuple[str, str], tuple[str, ...]] = {
    ("crack", "line"): ("crack", "fracture line", "thin crack"),
    ("crack", "branched"): ("branched crack", "crack with branches"),
    ("crack", "crossed"): ("pair of crossed cracks", "crossed crack"),
    ("dark area", "region"): ("dark area", "inactive region", "dark region with sharp edges"),
    ("corner or edge", "corner"): ("dark corner", "corner shadow"),
    ("corner or edge", "edge"): ("dark edge", "dark border strip"),
    ("stain", "spot"): ("stain", "soft dark spot"),
    ("stain", "spots"): ("group of stains", "group of soft spots"),
    ("finger interruption", "stripes"): ("finger interruption", "set of narrow dark stripes"),
    ("dead cell", "whole"): ("dead cell area", "dark dead surface"),
    ("dead cell", "half"): ("dead half", "half that is dead"),
}
"""Names for a kind and shape of defect in captions."""


def _noun_phrase(defect: Defect, rng: np.random.Generator) -> str:
    strength = "faint" if defect.strength < (FAINT + CLEAR) / 2 else "clear" if defect.strength < 0.6 else "very dark"
    size = "short" if defect.size < 0.25 else "long" if defect.size > 0.5 else ""
    if defect.kind != "crack":
        size = "small" if defect.size < 0.2 else "large" if defect.size > 0.45 else ""
    noun = str(rng.choice(NOUNS[defect.kind, defect.shape]))
    return " ".join(word for word in ("a", strength, size, noun) if word)


def _cell(ground_truth: GroundTruth, rng: np.random.Generator) -> str:
    if ground_truth.material == "mono":
        return str(rng.choice(["a mono cell", "a monocrystalline cell", "a plain mono cell"]))
    clouds = " and dislocation clouds" if ground_truth.clouds else ""
    return str(rng.choice([f"a poly cell with grain{clouds}", f"a polycrystalline cell with grains{clouds}"]))


def caption(ground_truth: GroundTruth, rng: np.random.Generator) -> str:
    """Write one sentence of 9 to 34 words and commas, lower-case ASCII, the most visible defect first."""
    cell = _cell(ground_truth, rng)
    if not ground_truth.defects:
        clean = rng.choice(["no dark marks", "no damage to be seen", "an unbroken surface", "nothing but busbars and fingers"])
        return str(rng.choice([f"an intact surface on {cell} , {clean}", f"no damage , {cell} , {clean}", f"intact , {cell} , {clean}"]))
    defects = sorted(ground_truth.defects, key=lambda d: -d.visibility)
    first = f"{_noun_phrase(defects[0], rng)} {_place(defects[0])}"
    kinds = list(dict.fromkeys(d.kind for d in defects[1:] if d.kind != defects[0].kind))
    more = " and more cracks" if defects[0].kind == "crack" and sum(d.kind == "crack" for d in defects) > 1 else ""
    if kinds:
        second = next(d for d in defects if d.kind == kinds[0])
        more += f" and {_noun_phrase(second, rng)}"
    return str(rng.choice([f"{first}{more} of {cell}", f"{first}{more} , {cell}", f"damaged , {first}{more} , {cell}"]))


def tokenizer_corpus(rng: np.random.Generator) -> tuple[str, ...]:
    """Sentences that contain every word of the vocabularies and captions, for the tokenizer."""
    sentences = [*TAGS, *ATTRIBUTES, *KINDS]
    for (kind, shape), material, clouds in ((key, m, c) for key in NOUNS for m in ("mono", "poly") for c in (False, True)):
        for _ in range(12):
            x, y, size, strength = rng.random(4)
            defect = Defect(kind, shape, float(x), float(y), float(size), float(strength))
            pictures = [GroundTruth(material, clouds, uneven=False, defects=defects) for defects in ((), (defect,), (defect, defect))]
            sentences += [caption(picture, rng) for picture in pictures]
    return tuple(sentences)
