"""The error of text data sets."""

from __future__ import annotations

from export.errors import SpecError


class TextsError(SpecError):
    """Pictures, tables or a text data set that are wrong; the message says which, what was expected and what to do."""
