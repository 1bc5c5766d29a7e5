"""The data card: what is in a text data set, where it came from, what it cannot tell."""

from __future__ import annotations

from export.texts.dataset import Dataset


def card_of(about: Dataset) -> str:
    """The card in Markdown; the same data set gives the same card."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # No HTML is made here: the page is Markdown, and every value is made one line below.
    environment = Environment(loader=PackageLoader("export", "texts"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    environment.filters["cell"] = _in_a_cell
    return environment.get_template("card.md.j2").render(about=about)


def _in_a_cell(text: str) -> str:
    """Text of a user inside a table or a line: one line, and no bar that ends the cell."""
    return " ".join(text.split()).replace("|", "\\|")
