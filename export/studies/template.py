"""Pages of the studies: Markdown templates, filled with the figures that a study measured."""

from __future__ import annotations

import textwrap
from pathlib import Path

from jinja2 import Environment, StrictUndefined

LINE_LENGTH = 140


def fill(template: Path, **values: object) -> str:
    """Fill the slots `{{ name }}` of a Markdown template; a slot without a value is an error.

    Raises:
        jinja2.UndefinedError: a slot has no value.
    """
    pages = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 -- Markdown, not HTML
    return pages.from_string(template.read_text(encoding="utf-8")).render(values)


def wrapped(text: str) -> str:
    """A paragraph in lines of up to 140 characters."""
    return textwrap.fill(text, LINE_LENGTH, break_on_hyphens=False)


def row(*cells: object) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def table(heads: tuple[str, ...], rows: list[str]) -> str:
    """A Markdown table of a head and rows that `row` made."""
    return "\n".join([row(*heads), "|" + "---|" * len(heads), *rows])
