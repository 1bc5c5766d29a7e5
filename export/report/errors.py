"""Errors of reports."""

from __future__ import annotations

from export.errors import ExportError


class ReportError(ExportError):
    """A report cannot be written; the message says why in one sentence."""
