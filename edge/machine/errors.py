"""The one error of this room."""

from __future__ import annotations


class NotReadableError(Exception):
    """What spends energy does not say how much; the text is the reason, without a full stop."""
