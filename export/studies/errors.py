"""The error of the studies."""

from __future__ import annotations

from export.errors import ExportError


class StudyError(ExportError):
    """A study cannot be made from its input or written; the message says why and what to do."""
