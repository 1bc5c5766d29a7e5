"""Both languages of a report say the same, and name every code that findings may hold."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jinja2 import meta, nodes
from pydantic import ValidationError

from export.findings.findings import Reason
from export.report.answered import sentence
from export.report.html import TEMPLATES
from export.report.wording import TEXTS, Language, Wording, wording
from firmware_config.strict import read_values
from firmware_config.toml import read_toml

LANGUAGES: tuple[Language, ...] = ("en", "ja")


def _texts(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _texts(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    english, japanese = (dict(_texts(read_toml(TEXTS / f"{language}.toml"))) for language in LANGUAGES)
    assert set(english) == set(japanese)
    assert {key for key, text in english.items() if _places(text) != _places(japanese[key])} == set()
    assert [key for key, text in japanese.items() if not text.strip()] == []


@pytest.mark.parametrize("room", ["scorers", "protocols", "outcomes", "reasons", "representations", "conditions", "decisions", "answers"])
def test_a_language_that_lacks_the_name_of_a_code_is_refused(room: str) -> None:
    values = read_toml(TEXTS / "ja.toml")
    lost = next(iter(values[room]))
    del values[room][lost]
    with pytest.raises(ValidationError, match=f"there are no words for '{lost}'"):
        read_values(Wording, values)


def test_every_text_of_the_templates_exists_and_none_is_left_over() -> None:
    words = set(wording("en").words)
    sources = [path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.rglob("*.j2"))]
    environment = jinja2.Environment(autoescape=True)
    environment.filters.update(dict.fromkeys(("percent", "counted", "interval", "decimals", "ends", "plain", "amount", "columns"), str))
    used = set()
    for source in sources:
        tree = environment.parse(source)
        used |= {one.attr for one in tree.find_all(nodes.Getattr) if isinstance(one.node, nodes.Name) and one.node.name == "w"}
        assert "undefined" not in meta.find_undeclared_variables(tree)
    assert used - words == set()
    code = "".join(sources) + "".join(path.read_text(encoding="utf-8") for path in Path(TEMPLATES.parent).glob("*.py"))
    assert {key for key in words - used if f'"{key}"' not in code} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_without_its_figures_still_has_a_sentence(language: Language) -> None:
    words = wording(language)
    for code, why in words.reasons.items():
        assert sentence(Reason(code=code, values={}), words) in {why.plain, why.sentence}


def test_the_figures_of_a_reason_are_shares_differences_and_names() -> None:
    words = wording("en")
    escaped = Reason(code="escape_above_limit", values={"count": 6, "of": 180, "share": 1 / 30, "low": 0.012, "high": 0.07, "limit": 0.02})
    assert sentence(escaped, words).replace("\u00a0", " ") == "6 of 180 defective parts became OK: 3.3 % (1.2 % to 7 %), the limit is 2 %."
    ahead = {"scorer": "vision_probe", "target": "poly", "targets": 3, "ahead": 0.0412, "low": 0.02, "high": 0.066}
    assert "linear probe on CLIP, on 3 of the targets. On poly its AUROC is ahead by 0.041 (0.020 to 0.066)" in sentence(
        Reason(code="control_is_better", values=ahead), words
    )
