"""The error of the chapters."""

from __future__ import annotations

from export.errors import SpecError
from export.findings.remark import Remark


class ChapterError(SpecError):
    """A chapter cannot be measured with these pictures, or not written; the message says why and what to do."""

    def __init__(self, why: str | Remark) -> None:
        super().__init__(str(why))
        self.why = why if isinstance(why, Remark) else Remark(code="error_text", values={"why": why})
