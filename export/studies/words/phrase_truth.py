"""Whether a word or a phrase of a caption is true of a painted or rendered picture, by the ground truth and without a model.

Phrases are those that `edge.describers.filter.phrases` cuts: "crack", "long crack", "crack in the upper left". A phrase is true, false, or
doubtful where a strength, size or position is near the limit between two wordings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from export.painting.ground_truth import GroundTruth
from export.painting.scene import Defect
from export.starter.words import ATTRIBUTES, NOUNS, TAGS, Truth, word_targets

_WORDS = {word: position for position, word in enumerate((*TAGS, *ATTRIBUTES))}
_INTACT = {"intact", "intact surface", "no damage", "no damage to be seen", "unbroken surface"}
_MATERIAL = {
    "mono cell": "mono",
    "monocrystalline cell": "mono",
    "plain mono cell": "mono",
    "poly cell": "poly",
    "polycrystalline cell": "poly",
}
_PLACE = re.compile(r" (in the (?:upper|lower) (?:left|right|part)|in the centre|on the (?:left|right) side|across the whole cell)$")
_ANY_LINE = {"crack", "fracture line", "thin crack"}
"""Names that fit a crack of any shape."""

_KINDS: dict[str, set[tuple[str, str | None]]] = {}
for (_kind, _shape), _names in NOUNS.items():
    for _name in _names:
        _KINDS.setdefault(_name, set()).add((_kind, None if _name in _ANY_LINE else _shape))

_KINDS |= {
    "stain": {("stain", None)}, "spots": {("stain", "spots")},
    "several cracks": {("crack", None)}, "crossed cracks": {("crack", "crossed")},
    "dark region": {("dark area", None)}, "dead cell": {("dead cell", None)}, "half dead cell": {("dead cell", "half")},
}  # fmt: skip
"""Names that only the vocabularies have, and a name without its end."""


def phrase_truth(phrase: str, ground_truth: GroundTruth) -> Truth:
    """Whether a phrase is true of a picture. A phrase that no caption of the ground truth has ("soft dark edges") is false."""
    if phrase in _WORDS:
        target = int(word_targets(ground_truth)[_WORDS[phrase]])
        return None if target < 0 else target == 1
    if phrase in _INTACT or phrase == "damaged":
        return (phrase in _INTACT) is not bool(ground_truth.defects)
    if phrase == "dislocation clouds":
        return ground_truth.clouds
    cell = re.sub(r" with (?:grains?|bright and dark grains)$", "", phrase)
    if cell in _MATERIAL:
        return ground_truth.material == _MATERIAL[cell] and (cell == phrase or ground_truth.material == "poly")
    return _defect_phrase_truth(phrase, ground_truth.defects)


def _defect_phrase_truth(phrase: str, defects: Iterable[Defect]) -> Truth:
    place = _PLACE.search(phrase)
    noun = phrase[: place.start()] if place else phrase
    modifier = None
    while noun not in _KINDS and (match := re.match(r"(faint|clear|very dark|short|long|small|large) ", noun)):
        modifier, noun = match.group(1), noun[match.end() :]
    return _any(
        _all([_modifier_fits(defect, modifier), _place_fits(defect, place.group(1) if place else None)])
        for defect in defects
        for kind, shape in _KINDS.get(noun, ())
        if defect.kind == kind and shape in {None, defect.shape}
    )


def _modifier_fits(defect: Defect, modifier: str | None) -> Truth:
    """Captions change the word at a strength of 0.265 and 0.6 and a size of 0.25 and 0.5 (cracks) or 0.2 and 0.45 (others)."""
    low, high = (0.25, 0.5) if defect.kind == "crack" else (0.2, 0.45)
    match modifier:
        case "faint":
            return _below(defect.strength, 0.2, 0.33)
        case "clear":
            return _all([_not(_below(defect.strength, 0.2, 0.33)), _below(defect.strength, 0.54, 0.66)])
        case "very dark":
            return _not(_below(defect.strength, 0.54, 0.66))
        case "short" | "small":
            return _below(defect.size, low - 0.04, low + 0.04)
        case "long" | "large":
            return _not(_below(defect.size, high - 0.06, high + 0.06))
        case _:
            return True


def _place_fits(defect: Defect, place: str | None) -> Truth:
    """Captions change the word at x and y of 0.38 and 0.62, and at a size of 0.75 to "across the whole cell"."""
    if place is None:
        return True
    whole = _not(_below(defect.size, 0.68, 0.82))
    if "whole" in place:
        return whole
    left, right = _below(defect.x, 0.32, 0.44), _not(_below(defect.x, 0.56, 0.68))
    upper, lower = _below(defect.y, 0.32, 0.44), _not(_below(defect.y, 0.56, 0.68))
    across = left if "left" in place else right if "right" in place else _all([_not(left), _not(right)])
    along = upper if "upper" in place else lower if "lower" in place else _all([_not(upper), _not(lower)])
    return _all([_not(whole), across, along])


def _below(value: float, low: float, high: float) -> Truth:
    """Whether a value is below a limit; doubtful between `low` and `high`."""
    return True if value <= low else False if value >= high else None


def _not(value: Truth) -> Truth:
    return None if value is None else not value


def _all(values: Iterable[Truth]) -> Truth:
    truths = list(values)
    return False if False in truths else None if None in truths else True


def _any(values: Iterable[Truth]) -> Truth:
    truths = list(values)
    return True if True in truths else None if None in truths else False
