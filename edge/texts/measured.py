"""The words of what was measured: the English ones go to the judge and into messages, the Japanese ones to operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language. Each tuple has one text for each step, the weakest first.

    `measures` holds a pattern for each measure, with the slots `step` (a text of `steps`) and `place` (a text of `places`).
    """

    steps: Mapping[str, tuple[str, ...]]
    places: Mapping[str, str]
    measures: Mapping[str, str]


STEPS = 5
"""Steps of strength. The first is for what good pictures show now and then."""

PLACES = ("upper left", "upper", "upper right", "left", "centre", "right", "lower left", "lower", "lower right")

AREAS = frozenset({"darker_area", "brighter_area"})
UNLIKE = frozenset({"texture_place", "texture_whole"})

ENGLISH = Texts(
    steps={
        "more": ("slightly ", "", "clearly ", "much ", "far "),
        "area": ("in a few places", "in several places", "in many places", "over a large part", "nearly everywhere"),
        "unlike": ("slightly ", "", "clearly ", "very ", "utterly "),
    },
    places={
        "upper left": "in the upper left",
        "upper": "at the top",
        "upper right": "in the upper right",
        "left": "on the left",
        "centre": "in the centre",
        "right": "on the right",
        "lower left": "in the lower left",
        "lower": "at the bottom",
        "lower right": "in the lower right",
    },
    measures={
        "darker": "{step}darker than usual",
        "brighter": "{step}brighter than usual",
        "flatter": "{step}flatter than usual",
        "contrast": "{step}more contrast than usual",
        "softer": "{step}softer than usual",
        "sharper": "{step}sharper than usual",
        "darker_place": "{step}darker than similar known parts {place}",
        "brighter_place": "{step}brighter than similar known parts {place}",
        "darker_area": "darker than similar known parts {step}",
        "brighter_area": "brighter than similar known parts {step}",
        "texture_place": "texture {step}unlike the known one {place}",
        "texture_whole": "whole texture {step}unlike the known one",
    },
)

JAPANESE = Texts(
    steps={
        "more": ("わずかに", "", "かなり", "非常に", "極端に"),
        "area": ("わずかにある", "いくつかある", "多数ある", "広い範囲に及ぶ", "ほぼ全面に及ぶ"),
        "unlike": ("わずかに", "", "かなり", "大きく", "まったく"),
    },
    places={
        "upper left": "左上",
        "upper": "上部",
        "upper right": "右上",
        "left": "左側",
        "centre": "中央",
        "right": "右側",
        "lower left": "左下",
        "lower": "下部",
        "lower right": "右下",
    },
    measures={
        "darker": "通常より{step}暗い",
        "brighter": "通常より{step}明るい",
        "flatter": "コントラストが通常より{step}低い",
        "contrast": "コントラストが通常より{step}高い",
        "softer": "通常より{step}ぼけている",
        "sharper": "通常より{step}鮮明に写っている",
        "darker_place": "{place}が類似の既知品より{step}暗い",
        "brighter_place": "{place}が類似の既知品より{step}明るい",
        "darker_area": "類似の既知品より暗い箇所が{step}",
        "brighter_area": "類似の既知品より明るい箇所が{step}",
        "texture_place": "{place}の質感が既知品と{step}異なる",
        "texture_whole": "全体の質感が既知品と{step}異なる",
    },
)


def measured_word(measure: str, step: int, place: str = "", *, texts: Texts = ENGLISH) -> str:
    """The word of a measure at a step (1 to STEPS), at a place of PLACES where the measure has one."""
    kind = "area" if measure in AREAS else "unlike" if measure in UNLIKE else "more"
    return texts.measures[measure].format(step=texts.steps[kind][step - 1], place=texts.places.get(place, ""))


def japanese_of(word: str) -> str:
    """The Japanese of a measured word; a word that the station has reworded stays as it is."""
    return _JAPANESE.get(word, word)


def _translations() -> dict[str, str]:
    return {
        measured_word(measure, step, place): measured_word(measure, step, place, texts=JAPANESE)
        for measure, pattern in ENGLISH.measures.items()
        for step in range(1, STEPS + 1)
        for place in (PLACES if "{place}" in pattern else ("",))
    }


_JAPANESE = _translations()
