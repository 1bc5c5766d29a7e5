"""A report as files: report.LANGUAGE.html and report.LANGUAGE.pdf."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from export.findings.findings import Findings

Language = Literal["en", "ja"]


def write_report(findings: Findings, folder: Path, *, language: Language, costs: Path | None = None) -> tuple[Path, Path | None]:
    """Write the report of a pilot into its folder, as HTML and as PDF. The same findings and pictures give the same bytes.

    Args:
        findings: what the pilot found; names of pictures are below `folder`.
        folder: the folder of the pilot.
        language: the language of the report.
        costs: the specification of a cost study; None leaves the chapter out.

    Returns:
        The HTML and the PDF; None in the place of the PDF where the machine has no Pango: `missing_pango()` says so in a sentence.

    Raises:
        ReportError: the folder cannot be written, or the fonts are missing.
        SpecError: the cost specification has a wrong value.
    """
    raise NotImplementedError(findings, folder, language, costs)
