from __future__ import annotations

import dataclasses
import string
from collections.abc import Iterator, Mapping

import pytest

from edge.records import Reason
from edge.texts import calibrate, cost, demo, drift, explain, obstacles
from edge.texts.reasons import REASONS

TEXTS: Mapping[str, Mapping[str, object]] = {
    "calibrate": calibrate.TEXTS,
    "cost": cost.TEXTS,
    "demo": demo.TEXTS,
    "drift": drift.TEXTS,
    "explain": explain.TEXTS,
    "obstacles": obstacles.TEXTS,
}
AVOIDED_JAPANESE = ("較正", "信頼度", "約束")
"""The house says 校正, 確信度 and 保証."""


def texts(language: object) -> Iterator[tuple[str, str]]:
    """The name and the text of every field, those of a dictionary one by one."""
    assert dataclasses.is_dataclass(language)
    for field in dataclasses.fields(language):
        value = getattr(language, field.name)
        items = {f"{field.name}.{key}": text for key, text in value.items()} if isinstance(value, dict) else {field.name: value}
        yield from items.items()


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("module", TEXTS)
def test_both_languages_have_the_same_texts_with_the_same_placeholders(module: str) -> None:
    languages = {language: {name: placeholders(text) for name, text in texts(of)} for language, of in TEXTS[module].items()}
    assert set(languages) == {"en", "ja"}
    assert languages["en"] == languages["ja"]


@pytest.mark.parametrize("module", TEXTS)
def test_no_text_is_empty(module: str) -> None:
    assert all(text.strip() for of in TEXTS[module].values() for _, text in texts(of))


def test_every_reason_has_a_text_in_both_languages() -> None:
    assert list(REASONS) == list(Reason)
    assert all(set(languages) == {"en", "ja"} and all(languages.values()) for languages in REASONS.values())


def test_japanese_texts_use_the_house_terms() -> None:
    japanese = [text for module in TEXTS.values() for _, text in texts(module["ja"])]
    japanese += [languages["ja"] for languages in REASONS.values()]
    assert [text for text in japanese if any(word in text for word in AVOIDED_JAPANESE)] == []
