"""The page and the figures of a study, from the command."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from edge.message import encode
from edge.records import Decision
from export.cli import main
from firmware_config.exit_codes import BAD_CONFIG, DONE
from tests.support.inspections import FULL
from tests.support.published_agreement import PARTS, is_bad, ratings

NUMBER = re.compile(r"\d+(?:\.\d+)?")
HEAD = "part,appraiser,trial,answer"


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "ratings.csv"
    path.write_text(ratings(), encoding="utf-8")
    return path


@pytest.fixture
def verdicts(tmp_path: Path) -> Path:
    """The box stops every bad part, the last with REVIEW, and one good part."""
    path = tmp_path / "verdicts.jsonl"
    lines = []
    for part in range(1, PARTS + 1):
        decision = Decision.REVIEW if part in {16, 50} else Decision.NG if is_bad(part) else Decision.OK
        verdict = replace(FULL.verdict, decision=decision, label=None, confidence=None)
        lines.append(encode(replace(FULL, part_id=None, source=f"{part:02}", verdict=verdict)) + b"\n")
    path.write_bytes(b"".join(lines))
    return path


def made(out: Path, *arguments: str | Path) -> str:
    assert main(["agreement", "report", *map(str, arguments), "--out", str(out)]) == DONE
    return (out / "agreement.md").read_text(encoding="utf-8")


def rows_of(page: str, heading: str | None = None) -> list[list[str]]:
    """The cells of the tables below a heading, or of all; heads and rulers are left out."""
    part = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0] if heading else page
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]
    rulers = [index for index, row in enumerate(cells) if row[0] == "---"]
    return [row for index, row in enumerate(cells) if index not in rulers and index + 1 not in rulers]


def test_the_page_has_every_table_with_counts_percent_and_intervals(answers: Path, verdicts: Path, tmp_path: Path) -> None:
    page = made(tmp_path / "out", answers, "--box", verdicts)

    assert rows_of(page, "Within each appraiser")[0] == ["A", "42 / 50", "84.0 %", "70.9 % – 92.8 %", "0.760", "0.082", "0.080"]
    assert rows_of(page, "Within each appraiser")[3] == ["box", *["–"] * 6]
    assert rows_of(page, "Each appraiser against the standard")[3][:4] == ["box", "49 / 50", "98.0 %", "89.4 % – 99.9 %"]
    assert [row[:3] for row in rows_of(page, "Between appraisers")[:2]] == [
        ["people", "39 / 50", "78.0 %"],
        ["people and box", "38 / 50", "76.0 %"],
    ]
    assert len(rows_of(page, "Between appraisers")) == 2 + 6
    rates = rows_of(page, "Effectiveness, misses and false alarms")
    assert ["A", "3 / 48", "6.3 %", "unacceptable", "3 / 16", "18.8 %", "4.0 % – 45.6 %"] in rates
    assert ["C", "9 / 102", "8.8 %", "marginal", "6 / 34", "17.6 %", "6.8 % – 34.5 %"] in rates
    assert "The box: 33 OK, 15 NG, 2 REVIEW, 0 FAULT." in page
    assert ["50", "OK", "OOO", "OOO", "OOO", "N"] in rows_of(page, "Parts to look at again")


def test_few_bad_parts_are_not_taken_for_proof(answers: Path, verdicts: Path, tmp_path: Path) -> None:
    page = made(tmp_path / "out", answers, "--box", verdicts)

    # No miss in 16 bad parts: the upper end is 1 - 0.025^(1 / 16) = 20.6 %.
    assert "A miss rate of up to 2.0 % cannot be shown with 16 bad parts: without any miss the interval would still reach 20.6 %." in page
    assert "**box: acceptable.**" in page
    assert "(by the interval up to 20.6 % of bad parts are missed at least once)" in page


def test_the_japanese_page_has_the_same_tables(answers: Path, verdicts: Path, tmp_path: Path) -> None:
    english = made(tmp_path / "en", answers, "--box", verdicts)
    japanese = made(tmp_path / "ja", answers, "--box", verdicts, "--language", "ja")

    figures = [[NUMBER.findall(" ".join(row)) for row in rows_of(page)] for page in (english, japanese)]
    assert len(figures[0]) > 40
    assert figures[0] == figures[1]
    assert (tmp_path / "en/agreement.json").read_bytes() == (tmp_path / "ja/agreement.json").read_bytes()
    assert not re.search("appraiser|marginal|acceptable", japanese)


def test_the_figures_are_json_with_the_digests_of_what_they_come_from(answers: Path, tmp_path: Path) -> None:
    made(tmp_path / "out", answers)

    found = json.loads((tmp_path / "out/agreement.json").read_bytes())
    assert found["schema"] == "kotoba.agreement/1"
    assert found["sources"][0]["name"] == "ratings.csv"
    assert found["tables"]["appraisers"][0]["standard"]["missed"] == {"count": 3, "of": 48, "rate": 0.0625, "grade": "unacceptable"}
    assert found["box"] is found["tables"]["everybody"] is None


def test_without_a_standard_the_page_says_so_and_shows_agreement_only(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(ratings(standard=False), encoding="utf-8")

    page = made(tmp_path / "out", path)

    assert "nobody knows the standard" in page
    assert "against the standard" not in page
    assert rows_of(page, "Between appraisers")[0][:2] == ["people", "39 / 50"]
    japanese = made(tmp_path / "ja", path, "--language", "ja")
    assert "正解が分からないため" in japanese
    assert [row[1:] for row in rows_of(japanese)] == [row[1:] for row in rows_of(page)]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_names_are_never_taken_for_markdown_or_html(tmp_path: Path, language: str) -> None:
    path = tmp_path / "ratings.csv"
    name, part = "A|B*C*<script>", "[x](http://evil)`y`"
    path.write_text(f"{HEAD},standard\n{part},{name},1,OK,NG\nb,{name},1,OK,OK\n", encoding="utf-8")

    html = MarkdownIt("commonmark").enable("table").render(made(tmp_path / "out", path, "--language", language))

    assert "<script" not in html
    assert "<a " not in html
    assert "<em>" not in html
    assert "<td>A|B*C*&lt;script&gt;</td>" in html
    assert "<td>[x](http://evil)`y`</td>" in html


def test_only_good_parts_and_answers_of_one_kind_have_a_page_too(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(f"{HEAD},standard\n" + "".join(f"{part},A,{trial},OK,OK\n" for part in "ab" for trial in (1, 2)), encoding="utf-8")

    page = made(tmp_path / "out", path)

    assert "**No part is bad: what would be missed is not known.**" in page
    assert "None: all answers are the same and right." in page
    assert "**不良品がないため、見逃しは分かりません。**" in made(tmp_path / "ja", path, "--language", "ja")
    assert rows_of(page, "Within each appraiser") == [["A", "2 / 2", "100.0 %", "15.8 % – 100.0 %", "–", "–", "–"]]


def test_a_mistake_is_one_sentence_and_exit_code_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(f"{HEAD}\na,A,1,good\n", encoding="utf-8")

    assert main(["agreement", "report", str(path), "--out", str(tmp_path / "out")]) == BAD_CONFIG
    assert capsys.readouterr().err == f"kotoba-export: reading {path}, line 2: 'good' is no answer: expected OK or NG\n"
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")

    assert main(["agreement", "report", str(answers), "--out", str(tmp_path / "out")]) == BAD_CONFIG
    assert f"writing the page to {tmp_path / 'out'}: File exists: give another folder or make room" in capsys.readouterr().err
