"""The error of an agreement study."""

from __future__ import annotations

from export.errors import SpecError


class RatingsError(SpecError):
    """Answers, standards or pictures of a study that are wrong; the message says which, what was expected and what to do."""
