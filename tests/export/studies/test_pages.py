from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from export.studies.template import fill, row, table, wrapped
from tests.support.repository import ROOT

STUDIES, PAGES = ROOT / "export" / "studies", ROOT / "docs" / "studies"
SLOT = re.compile(r"\{\{ \w+ \}\}")


@pytest.mark.parametrize(
    ("template", "page"),
    [
        ("results.md", "results.md"),
        ("alternatives.md", "alternatives.md"),
        ("left_out_runs.md", "left-out-runs.md"),
        ("adaptation.md", "adaptation.md"),
        ("few_pictures.md", "few-pictures.md"),
        ("rules.md", "rules.md"),
        ("trust/page.md", "trust.md"),
        ("typographic_attack/page.md", "typographic-attack.md"),
        ("words/page.md", "words.md"),
    ],
)
def test_a_published_page_has_the_text_of_its_template(template: str, page: str) -> None:
    fixed_texts = SLOT.split((STUDIES / template).read_text(encoding="utf-8"))
    text, position = (PAGES / page).read_text(encoding="utf-8"), 0
    for fixed in fixed_texts:
        found = text.find(fixed, position)
        assert found >= 0, f"{page} lacks, or has elsewhere: {fixed.strip()[:80]!r}"
        position = found + len(fixed)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.name)
def test_the_pictures_of_a_page_exist(page: Path) -> None:
    for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        assert (PAGES / name).is_file(), f"{page.name} shows {name}, which does not exist"


def test_a_slot_without_a_value_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("AUROC {{ auroc }}\n")
    assert fill(tmp_path / "page.md", auroc=0.9) == "AUROC 0.9\n"
    with pytest.raises(UndefinedError, match="auroc"):
        fill(tmp_path / "page.md")


def test_a_table_is_markdown() -> None:
    assert table(("cells", "escape"), [row("mono", "1.5%")]) == "| cells | escape |\n|---|---|\n| mono | 1.5% |"


def test_a_paragraph_is_wrapped_between_words() -> None:
    lines = wrapped("held-out " * 40).splitlines()
    assert max(map(len, lines)) <= 140
    assert " ".join(lines).split() == ["held-out"] * 40
