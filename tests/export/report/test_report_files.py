"""A report as files: the PDF as a reader opens it, the command, and what it says of a mistake."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from export.cli import main
from export.findings.findings import Findings
from export.report.html import html
from export.report.pdf import missing_pango, pdf
from firmware_config.exit_codes import BAD_CONFIG, DONE, FAILED
from tests.support.piloted import bare_findings, findings, write_parts

WHY_NOT = missing_pango()
needs_pango = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

A4_PT = (595, 842)

COSTS = """
[plant]
name = "Example"
currency = "EUR"
parts_per_day = 4000
defect_rate = 0.02
[prices]
escape = 40
overkill = 2
operator_hour = 36
engineer_hour = 90
kwh = 0.25
box = 6000
[box]
verdicts = "counts.json"
"""
COUNTS = '{"schema": "kotoba.counts/1", "bad": 300, "escaped": 6, "bad_reviewed": 30, "good": 1000, "rejected": 10, "good_reviewed": 40}'


def _pilot(folder: Path, found: Findings) -> Path:
    write_parts(folder)
    (folder / "pilot.json").write_text(found.model_dump_json(by_alias=True), encoding="utf-8")
    return folder


def _fonts(reader: PdfReader) -> dict[str, bool]:
    """By name, whether the font lies in the file."""
    found = {}
    for page in reader.pages:
        resources = page["/Resources"]
        assert isinstance(resources, DictionaryObject)
        for font in (one.get_object() for one in resources.get("/Font", {}).values()):
            assert font["/Subtype"] == "/Type0"
            described = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
            found[str(font["/BaseFont"])] = any(name in described for name in ("/FontFile", "/FontFile2", "/FontFile3"))
    return found


@needs_pango
@pytest.mark.long
def test_a_pdf_is_a4_with_its_fonts_inside_and_shows_japanese(tmp_path: Path) -> None:
    write_parts(tmp_path)
    reader = PdfReader(io.BytesIO(pdf(html(findings("no_go"), tmp_path, language="ja", cost=None))))
    assert {tuple(round(float(side)) for side in (page.mediabox.width, page.mediabox.height)) for page in reader.pages} == {A4_PT}
    fonts = _fonts(reader)
    assert len(fonts) == 2
    assert all(fonts.values())
    text = "".join(page.extract_text() for page in reader.pages)
    assert "採用不可" in text
    assert "言葉は画像より変わりにくいか" in text
    assert "この製品には使えません。その理由" in reader.pages[2].extract_text()
    links = [one.get_object() for page in reader.pages for one in page.get("/Annots", [])]
    assert links
    assert [one for one in links if "/URI" in one.get("/A", {})] == []


@needs_pango
@pytest.mark.long
def test_the_same_page_gives_the_same_bytes(tmp_path: Path) -> None:
    page = html(bare_findings(), tmp_path, language="en", cost=None)
    assert pdf(page) == pdf(page)


@pytest.mark.long
def test_the_command_writes_the_report_and_its_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pilot = _pilot(tmp_path, bare_findings())
    (pilot / "cost.toml").write_text(COSTS, encoding="utf-8")
    (pilot / "counts.json").write_text(COUNTS, encoding="utf-8")
    code = main(["report", str(pilot), "--language", "ja"])
    told = capsys.readouterr().out.splitlines()
    assert told[0] == str(pilot / "report.ja.html")
    assert "年間の費用は" in (pilot / "report.ja.html").read_text(encoding="utf-8")
    assert (code, (pilot / "report.ja.pdf").exists()) == ((DONE, True) if WHY_NOT is None else (FAILED, False))
    assert told[1] == (str(pilot / "report.ja.pdf") if WHY_NOT is None else WHY_NOT)


def test_a_folder_without_a_pilot_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == FAILED
    assert f"reading {tmp_path / 'pilot.json'}: No such file or directory: give the folder of a pilot" in capsys.readouterr().err


def test_a_cost_specification_that_is_wrong_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pilot = _pilot(tmp_path, bare_findings())
    (tmp_path / "wrong.toml").write_text("[plant]\n", encoding="utf-8")
    assert main(["report", str(pilot), "--cost", str(tmp_path / "wrong.toml")]) == BAD_CONFIG
    assert "cost specification" in capsys.readouterr().err
    assert not (pilot / "report.en.html").exists()
