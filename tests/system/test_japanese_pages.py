"""The pages in Japanese say what the English ones say: the same commands, codes, figures and rows, in the terms of the glossary."""

from __future__ import annotations

import re
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.support.japanese_pages import failures_in_japanese, with_failures
from tests.support.pages import (
    blocks,
    code_spans,
    commands,
    decisions,
    figures,
    headings,
    links,
    prose_lines,
    sections,
    tables,
    without_code,
)
from tests.support.repository import ROOT
from tests.support.settings_page_ja import in_japanese, table

DOCS = ROOT / "docs"
SIBLING = ".ja.md"
OPERATOR_PAGES = (
    "box",
    "consumer",
    "explain",
    "install",
    "judging",
    "learning",
    "message",
    "monitoring",
    "operations",
    "review",
    "settings",
    "triggers",
    "upgrade",
)
"""What people at a line, or who connect one, read. A page that has a sibling is compared with it, whether it stands here or not."""

GLOSSARY = DOCS / "glossary.ja.md"
JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")
PAIRS = sorted(path.name.removesuffix(SIBLING) for path in DOCS.glob(f"*{SIBLING}") if path != GLOSSARY)


def english(page: str) -> str:
    named_by_language = DOCS / f"{page}.en.md"
    return (named_by_language if named_by_language.exists() else DOCS / f"{page}.md").read_text(encoding="utf-8")


def japanese(page: str) -> str:
    return (DOCS / f"{page}{SIBLING}").read_text(encoding="utf-8")


def of_the_sibling(target: str) -> str:
    """Where a link of an English page leads in its sibling: to a page in Japanese where there is one."""
    path, _, place = target.partition("#")
    sibling = f"{path.removesuffix('.md').removesuffix('.en')}{SIBLING}"
    return sibling if path.endswith(".md") and (DOCS / sibling).is_file() else f"{path}#{place}" if place else path


@pytest.mark.parametrize("page", OPERATOR_PAGES)
def test_a_page_for_operators_is_there_in_both_languages(page: str) -> None:
    assert (DOCS / f"{page}.md").is_file()
    assert page in PAIRS


@pytest.mark.parametrize("page", PAIRS)
def test_both_name_the_same_commands_codes_topics_and_settings(page: str) -> None:
    for ours, theirs in zip_longest(sections(english(page)), sections(japanese(page)), fillvalue=""):
        assert code_spans(theirs) == code_spans(ours), ours.splitlines()[:1]


@pytest.mark.parametrize("page", PAIRS)
def test_both_show_the_same_commands_and_files(page: str) -> None:
    assert blocks(japanese(page)) == blocks(english(page))
    assert commands(japanese(page)) == commands(english(page))


@pytest.mark.parametrize("page", PAIRS)
def test_both_have_the_same_sections_and_lists(page: str) -> None:
    assert headings(japanese(page)) == headings(english(page))


@pytest.mark.parametrize("page", PAIRS)
def test_each_row_of_a_table_names_the_same_in_both(page: str) -> None:
    for ours, theirs in zip(tables(english(page)), tables(japanese(page)), strict=True):
        for row, other in zip_longest(ours, theirs, fillvalue=""):
            assert code_spans(other) == code_spans(row), f"{row}\n{other}"
            assert decisions(other) == decisions(row), f"{row}\n{other}"
            assert figures(row) - figures(other) == set(), f"{row}\n{other}"


@pytest.mark.parametrize("page", PAIRS)
def test_each_figure_of_the_english_page_stands_in_the_japanese_one(page: str) -> None:
    assert figures(english(page)) - figures(japanese(page)) == set()


@pytest.mark.parametrize("page", PAIRS)
def test_a_link_leads_to_the_page_in_japanese_where_there_is_one(page: str) -> None:
    there = {of_the_sibling(target) for target in links(english(page))}
    assert links(japanese(page)) - {GLOSSARY.name} == there - {GLOSSARY.name}


def test_the_table_of_failures_is_that_of_the_english_page() -> None:
    rows, lacking = failures_in_japanese(english("operations"))
    assert lacking == [], "give their names in tests/support/failures_ja.tsv"
    assert with_failures(japanese("operations"), rows) == japanese("operations"), "run `python -m tests.support.japanese_pages`"


def test_the_page_of_settings_is_that_of_the_english_page() -> None:
    page, lacking = in_japanese(english("settings"), table())
    assert lacking == [], "give them in tests/support/settings_ja.tsv"
    assert page == japanese("settings"), "run `python -m tests.support.japanese_pages`"


@pytest.mark.parametrize("page", PAIRS)
def test_no_sentence_was_left_in_english(page: str) -> None:
    same = set(prose_lines(english(page))) & set(prose_lines(japanese(page)))
    assert sorted(same) == []
    assert [line for line in prose_lines(japanese(page)) if not JAPANESE.search(line)] == []


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_of_a_document_lead_somewhere(page: str) -> None:
    targets = {target.partition("#")[0] for target in links((DOCS / page).read_text(encoding="utf-8"))}
    assert sorted(target for target in targets if target and not (DOCS / target).exists()) == []


def shunned() -> dict[str, str]:
    """The words that the glossary tells writers not to use, each with the term in its place."""
    rows = [[cell.strip() for cell in row.strip("| ").split("|")] for row in tables(GLOSSARY.read_text(encoding="utf-8"))[0]]
    return {word: row[1] for row in rows if len(row) == 4 for word in row[3].split("、") if word}


@pytest.mark.parametrize(
    "path",
    [*sorted(DOCS.glob(f"*{SIBLING}")), ROOT / "README.ja.md", *sorted((ROOT / "edge/texts").glob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_each_thing_has_one_name_in_japanese(path: Path) -> None:
    words = shunned()
    assert len(words) > 10
    text = path.read_text(encoding="utf-8") if path != GLOSSARY else ""
    assert {word: words[word] for word in words if word in without_code(text)} == {}
