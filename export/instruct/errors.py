"""The error of tuning on a text data set."""

from __future__ import annotations

from export.errors import SpecError


class TuneError(SpecError):
    """Examples, labels or settings with which no judge can be tuned; the message says which and what to do."""
