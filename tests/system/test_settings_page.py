"""docs/settings.md is current, whole, and made from the types: `python -m tests.support.golden` writes it anew."""

from __future__ import annotations

import re

import pytest

from firmware_config.cli import SCHEMAS
from firmware_config.settings import BoxSettings
from tests.support.repository import ROOT
from tests.support.settings_page import NOT_WRITTEN, PAGE, settings_page
from tests.system.test_described_keys import keys_of

WORD = re.compile(r"\bKOTOBA_[A-Z_]+\b")


def test_the_page_is_what_the_types_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "run `python -m tests.support.golden` and look at the difference"


def test_every_variable_has_a_description_and_stands_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, field in BoxSettings.model_fields.items():
        assert len(field.description or "") > len("A short word."), name
        assert page.count(f"| `KOTOBA_{name.upper()}` |") == 1


@pytest.mark.parametrize("kind", [kind for kind in SCHEMAS if kind not in NOT_WRITTEN])
def test_every_key_of_a_file_stands_on_the_page(kind: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"\n## The {kind} file\n" in page
    keys = {place.rpartition(".")[2] for place, _, _ in keys_of(SCHEMAS[kind].model_json_schema())}
    assert [key for key in keys if f"| `{key}` |" not in page and f"{key}]" not in page] == []


def test_every_variable_that_documents_and_messages_name_is_there() -> None:
    page = PAGE.read_text(encoding="utf-8")
    texts = [*ROOT.glob("docs/*.md"), *ROOT.glob("README*.md"), *(ROOT / "edge").rglob("*.py"), *(ROOT / "systemd").rglob("*")]
    lines = [line for path in texts if path.is_file() for line in path.read_text(encoding="utf-8").splitlines()]
    named = {name for line in lines if "there is no such setting" not in line for name in WORD.findall(line)}
    assert len(named) > 5
    assert sorted(name for name in named if f"`{name}`" not in page) == []
