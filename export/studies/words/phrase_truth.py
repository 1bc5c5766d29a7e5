"""Whether a claim of the starter's captioner is true of a painted or rendered picture: read from the painter's truth, by no model.

A claim is a phrase as `edge.describers.filter.phrases` cuts it: "crack", "long crack", "crack in the upper left". As with the words of the
vocabularies, a claim is true, false, or doubtful where a strength, size or place is near the border between two wordings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from export.painting.ground_truth import Defect, GroundTruth
from export.starter.words import ATTRIBUTES, NOUNS, TAGS, word_targets

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
"""Every crack is one, of whatever shape."""

_KINDS: dict[str, set[tuple[str, str | None]]] = {}
for (_kind, _shape), _names in NOUNS.items():
    for _name in _names:
        _KINDS.setdefault(_name, set()).add((_kind, None if _name in _ANY_LINE else _shape))

_KINDS |= {
    "stain": {("stain", None)}, "spots": {("stain", "spots")},
    "several cracks": {("crack", None)}, "crossed cracks": {("crack", "crossed")},
    "dark region": {("dark area", None)}, "dead cell": {("dead cell", None)}, "half dead cell": {("dead cell", "half")},
}  # fmt: skip
"""The words of the vocabularies that stand for some of these names, and a name without its tail."""


def truth_of(claim: str, truth: GroundTruth) -> bool | None:
    """True, false, or None for doubtful. What no sentence of the painter's would say ("soft dark edges") is false."""
    if claim in _WORDS:
        known = int(word_targets(truth)[_WORDS[claim]])
        return None if known < 0 else known == 1
    if claim in _INTACT or claim == "damaged":
        return (claim in _INTACT) is not bool(truth.defects)
    if claim == "dislocation clouds":
        return truth.clouds
    cell = re.sub(r" with (?:grains?|bright and dark grains)$", "", claim)
    if cell in _MATERIAL:
        return truth.material == _MATERIAL[cell] and (cell == claim or truth.material == "poly")
    return _of_a_mark(claim, truth.defects)


def _of_a_mark(claim: str, defects: Iterable[Defect]) -> bool | None:
    place = _PLACE.search(claim)
    noun = claim[: place.start()] if place else claim
    modifier = None
    while noun not in _KINDS and (found := re.match(r"(faint|clear|very dark|short|long|small|large) ", noun)):
        modifier, noun = found.group(1), noun[found.end() :]
    return _any(
        _all([_bears(defect, modifier), _lies(defect, place.group(1) if place else None)])
        for defect in defects
        for kind, shape in _KINDS.get(noun, ())
        if defect.kind == kind and shape in {None, defect.shape}
    )


def _bears(defect: Defect, modifier: str | None) -> bool | None:
    """The painter's borders are 0.265 and 0.6 of strength, 0.25 and 0.5 (of marks 0.2 and 0.45) of size; near them is doubt."""
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


def _lies(defect: Defect, place: str | None) -> bool | None:
    """The painter's borders are 0.38 and 0.62 across and down, and 0.75 of size for "across the whole cell"; near them is doubt."""
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


def _below(value: float, low: float, high: float) -> bool | None:
    """Surely below a border, surely not, or between `low` and `high` and so in doubt."""
    return True if value <= low else False if value >= high else None


def _not(value: bool | None) -> bool | None:  # noqa: FBT001 -- a truth value is what it is about
    return None if value is None else not value


def _all(values: Iterable[bool | None]) -> bool | None:
    found = list(values)
    return False if False in found else None if None in found else True


def _any(values: Iterable[bool | None]) -> bool | None:
    found = list(values)
    return True if True in found else None if None in found else False
