"""Writes docs/settings.ja.md from docs/settings.md: names and values by rule, sentences by the table settings_ja.tsv beside this file.

A sentence that the table does not hold stays as it is, and the tests name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.support.repository import ROOT

ENGLISH, PAGE = ROOT / "docs/settings.md", ROOT / "docs/settings.ja.md"
TABLE = Path(__file__).with_name("settings_ja.tsv")
"""A line for each sentence: English, a tab, Japanese."""

_ROW = re.compile(r"(?<!\\) \| ")
_HEADING = re.compile(r"(#+) (`\[.+?\]`)(?: with (`.+`))?$")
_BOUNDS = {"from": "{} 以上", "above": "{} より大きい", "to": "{} 以下", "below": "{} 未満"}
_KINDS = {"whole number": "整数", "number": "数値", "path": "パス", "text": "文字列", "table": "表", "true or false": "true または false"}


def table() -> dict[str, str]:
    """English to Japanese."""
    return dict(line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines())


def in_japanese(page: str, texts: dict[str, str]) -> tuple[str, list[str]]:
    """The page in Japanese, and the sentences that the table lacks."""
    lacking: list[str] = []

    def said(english: str) -> str:
        if english not in texts:
            lacking.append(english)
        return texts.get(english, english)

    return "\n".join(_line(paragraph, said) for paragraph in _paragraphs(page)) + "\n", lacking


def _paragraphs(page: str) -> list[str]:
    """The lines of the page, those of one paragraph as one."""
    joined = re.sub(r"(?<=[^\n|])\n(?=[^\n|#-])", " ", page.strip("\n"))
    return joined.split("\n")


def _line(line: str, said: Callable[[str], str]) -> str:
    heading = _HEADING.match(line)
    if heading:
        marks, section, kind = heading.groups()
        return f"{marks} {section}({kind})" if kind else f"{marks} {section}"
    if not line or line.startswith("|---"):
        return line
    if not line.startswith("| `"):
        return said(line)
    name, values, default, what = _ROW.split(line.removeprefix("| ").removesuffix(" |"))
    return f"| {name} | {_values(values)} | {_default(default)} | {said(what)} |"


def _default(text: str) -> str:
    return {"unset": "なし", "**needed**": "**必須**"}.get(text, text)


def _values(text: str) -> str:
    """What may be written, such as `list of whole number from 1 to 5`."""
    before, is_list, inner = text.partition("list of ")
    if is_list:
        items = _values(inner)
        first = _values(before.removesuffix(" or ")) + " または " if before else ""
        return f"{first}({items})のリスト" if " または " in items else f"{first}{items}のリスト"
    if text in _KINDS:
        return _KINDS[text]
    return " または ".join(map(_value, text.split(" or ")))


def _value(text: str) -> str:
    found = re.match(r"(whole number|number|text|path|table)(.*)$", text)
    if not found:
        return text
    kind, rest = found.groups()
    longest = re.search(r"of at most (\d+) characters", rest)
    limits = [_BOUNDS[word].format(value) for word, value in re.findall(r"(from|above|to|below) (-?[\d.,]+)", rest)]
    limits += [f"{longest.group(1)} 文字以内"] if longest else []
    return f"{_KINDS[kind]}({'、'.join(limits)})" if limits else _KINDS[kind]


def write(page: Path = PAGE) -> list[str]:
    """Write the page anew; returns the sentences that the table lacks."""
    text, lacking = in_japanese(ENGLISH.read_text(encoding="utf-8"), table())
    page.write_text(text, encoding="utf-8")
    return lacking
