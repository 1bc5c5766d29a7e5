"""A report as files: report.LANGUAGE.html and report.LANGUAGE.pdf."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from export.findings.findings import Findings
from export.report.errors import ReportError
from export.report.html import html
from export.report.money import cost_study
from export.report.pdf import missing_pango, pdf
from export.report.wording import Language
from firmware_config.write import write_atomic


def write_report(findings: Findings, folder: Path, *, language: Language, costs: Path | None = None) -> tuple[Path, Path | None]:
    """Write the report of a pilot into its folder, as HTML and as PDF. The same findings and pictures give the same bytes.

    Args:
        findings: what the pilot found; names of pictures are below `folder`.
        folder: the folder of the pilot.
        language: the language of the report.
        costs: the specification of a cost study, or a folder that holds one as cost.toml; None leaves the chapter out.

    Returns:
        The HTML and the PDF; None in the place of the PDF where the machine has no Pango: `missing_pango()` says so in a sentence.

    Raises:
        ReportError: the folder cannot be written, or the fonts are missing.
        SpecError: the cost specification has a wrong value.
    """
    page = html(findings, folder, language=language, cost=cost_study(costs))
    as_html, as_pdf = _files(folder, language)
    _write(as_html, page.encode())
    if missing_pango() is not None:
        as_pdf.unlink(missing_ok=True)
        return as_html, None
    _write(as_pdf, pdf(page))
    return as_html, as_pdf


def remove_reports(folder: Path) -> None:
    """Take away the reports in a folder: its pilot finds other things now.

    Raises:
        OSError: one cannot be taken away.
    """
    for language in get_args(Language):
        for file in _files(folder, language):
            file.unlink(missing_ok=True)


def _files(folder: Path, language: Language) -> tuple[Path, Path]:
    return folder / f"report.{language}.html", folder / f"report.{language}.pdf"


def _write(file: Path, content: bytes) -> None:
    try:
        write_atomic(file, content)
    except OSError as err:
        msg = f"the report {file} cannot be written ({err.strerror}): give the folder of a pilot that you may write to"
        raise ReportError(msg) from err
