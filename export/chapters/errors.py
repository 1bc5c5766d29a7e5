"""The error of the chapters."""

from __future__ import annotations

from export.errors import SpecError


class ChapterError(SpecError):
    """A chapter cannot be measured with these pictures, or not written; the message says why and what to do."""
