"""What a page in Markdown names, apart from its sentences: to compare it with the same page in another language."""

from __future__ import annotations

import re

DECISIONS = ("OK", "NG", "REVIEW", "FAULT")

_FENCE = re.compile(r"^```[^\n]*\n.*?^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s:]+)\)")
_COMMENT = re.compile(r"\s+#\s.*$")
_FIGURE = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")


def blocks(text: str) -> list[str]:
    """The fenced blocks in their order, without the comments in them, which are for people."""
    return ["\n".join(_COMMENT.sub("", line) for line in block.splitlines()) for block in _FENCE.findall(text)]


def without_blocks(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def commands(text: str) -> list[str]:
    """The lines that are set in by four spaces or more, without the comments behind them."""
    return [_COMMENT.sub("", line).strip() for line in without_blocks(text).splitlines() if line.startswith("    ")]


def code_spans(text: str) -> set[str]:
    """What stands between backticks: commands, codes, topics, settings."""
    return {" ".join(span.split()) for _, span in _SPAN.findall(_prose(text))}


def without_code(text: str) -> str:
    """The sentences of a page: neither blocks nor what stands between backticks."""
    return _SPAN.sub("", _prose(text))


def decisions(text: str) -> set[str]:
    """The decisions that a text names outside of code."""
    return {word for word in DECISIONS if re.search(rf"(?<![A-Za-z]){word}(?![A-Za-z])", without_code(text))}


def figures(text: str) -> set[str]:
    """The numbers of a text outside of code, as they are written, without thousands separators."""
    return {number.replace(",", "").rstrip(".") for number in _FIGURE.findall(without_code(text))}


def headings(text: str) -> list[str]:
    """The level of each heading, and the kind of each item of a list, in their order."""
    lines = without_blocks(text).splitlines()
    return [match.group(1) for line in lines if (match := re.match(r"(#+|-|\d+\.) ", line))]


def sections(text: str) -> list[str]:
    """The parts of a page, each from its heading to the next one."""
    return re.split(r"^(?=#+ )", without_blocks(text), flags=re.MULTILINE)


def links(text: str) -> set[str]:
    """Where the links of a page lead, but for those to other sites."""
    return set(_LINK.findall(without_blocks(text)))


def tables(text: str) -> list[list[str]]:
    """The rows of each table, without its head."""
    found: list[list[str]] = []
    before = ""
    for line in without_blocks(text).splitlines():
        if line.startswith("|") and not before.startswith("|"):
            found.append([])
        if line.startswith("|"):
            found[-1].append(line)
        before = line
    return [rows[2:] for rows in found]


def prose_lines(text: str) -> list[str]:
    """The lines with words outside of code: sentences, items of lists, cells of tables that are no names and numbers."""
    lines = [re.sub(r"\]\([^)]*\)", "]", line) for line in without_code(text).splitlines()]
    return [line.strip() for line in lines if re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", line)]


def _prose(text: str) -> str:
    return "\n".join(line for line in without_blocks(text).splitlines() if not line.startswith("    "))
