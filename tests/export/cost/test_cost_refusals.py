"""A mistake in a cost specification, or in a file of verdicts, is one sentence; verdicts are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.cli import main
from export.cost.read import read_figures
from tests.export.cost.test_cost_example import example

LINES = [
    ("bad", "OK"),
    ("bad", "NG"),
    ("bad", "review"),
    ("bad", "FAULT"),
    *[("good", "OK")] * 7,
    ("good", "NG"),
    ("good", "REVIEW"),
    ("good", "ng"),
]


def verdicts_text(lines: list[tuple[str, str]]) -> str:
    return "part,truth,decision\n" + "".join(f"{number},{truth},{decision}\n" for number, (truth, decision) in enumerate(lines))


def spec_naming(folder: Path, verdicts: str) -> Path:
    before, after = example().split("[present]")
    box = before.split("[box]")[0] + f'[box]\nverdicts = "{verdicts}"\n'
    path = folder / "plant.toml"
    path.write_text(f"{box}[present]{after}", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_verdicts_become_the_four_rates(tmp_path: Path, kind: str) -> None:
    counts = {"schema": "kotoba.counts/1", "bad": 4, "escaped": 1, "bad_reviewed": 2, "good": 10, "rejected": 2, "good_reviewed": 1}
    (tmp_path / f"pilot.{kind}").write_text(verdicts_text(LINES) if kind == "csv" else json.dumps(counts), encoding="utf-8")

    box = read_figures(spec_naming(tmp_path, f"pilot.{kind}")).spec.box

    assert box.escape is not None
    assert box.overkill is not None
    found = [(one.count, one.of) for one in (box.escape, box.overkill, box.review_bad, box.review_good)]
    assert found == [(1, 4), (2, 10), (2, 4), (1, 10)]
    assert box.escape.source == f"pilot.{kind}"


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 78
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("kotoba-export: ")
    assert told.err.count("\n") == 1
    return told.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("truth;decision\n", "there is no column truth"),
        (verdicts_text([("good", "OK")]), "none of its parts is defective"),
        (verdicts_text([("bad", "OK")]), "none of its parts is good"),
        (verdicts_text([*LINES, ("poor", "OK")]), "line 16 has the truth 'poor'"),
        (verdicts_text([*LINES, ("good", "PASS")]), "line 16 has the decision 'PASS'"),
        ("truth,decision\nbad\n", "line 2 has the decision ''"),
        ("", "there is no column truth"),
    ],
)
def test_wrong_verdicts_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str) -> None:
    (tmp_path / "pilot.csv").write_text(text, encoding="utf-8")

    assert sentence in refused(["cost", str(spec_naming(tmp_path, "pilot.csv")), "--out", str(tmp_path / "out")], capsys)
    assert not (tmp_path / "out").exists()


def test_counts_that_exceed_the_parts_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"schema": "kotoba.counts/1", "bad": 4, "escaped": 3, "bad_reviewed": 2, "good": 10, "rejected": 2, "good_reviewed": 1}
    (tmp_path / "pilot.json").write_text(json.dumps(counts), encoding="utf-8")

    told = refused(["cost", str(spec_naming(tmp_path, "pilot.json")), "--out", str(tmp_path / "out")], capsys)

    assert "5 decisions are counted on 4 bad parts" in told


def test_missing_verdicts_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read" in refused(["cost", str(spec_naming(tmp_path, "none.csv")), "--out", str(tmp_path / "out")], capsys)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("parts_per_day = 4000", "parts_per_day = 0", "plant.parts_per_day: must be greater than 0"),
        ("parts_per_day = 4000", 'parts_per_day = "4000"', "plant.parts_per_day"),
        ("parts_per_day = 4000\n", "", "plant.parts_per_day: Field required"),
        ("low = 0.01, high = 0.04", "low = 0.03, high = 0.04", "plant.defect_rate: the value 0.02 is not between low 0.03 and high 0.04"),
        ("{ value = 0.02, low = 0.01, high = 0.04", "{ value = 2, low = 1, high = 4", "goes up to 4: 3 % is 0.03"),
        ("overkill = 2\n", "overkill = { count = 1, of = 2 }\n", "prices.overkill: is no share"),
        ("count = 6, of = 300", "count = 301, of = 300", "counts 301 of 300"),
        ("{ count = 6, of = 300", "{ count = 6, value = 0.3", "a counted share is { count, of }"),
        ("{ count = 30, of = 300", "{ count = 299, of = 300", "escape and review_bad are more than 1 together"),
        ("escape = { count = 6, of = 300", "# escape = { count = 6, of = 300", "give verdicts, or escape and overkill"),
        ("[box]\n", '[box]\nverdicts = "pilot.csv"\n', "verdicts and escape are both given"),
        ('"EUR"', '"euro"', "plant.currency"),
        ("kwh = 0.25", "kWh = 0.25", "prices.kWh"),
        ("kwh = 0.25", "kwh = -1", "prices.kwh"),
        ("kwh = 0.25", "kwh = nan", "prices.kwh"),
    ],
)
def test_a_wrong_specification_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, sentence: str) -> None:
    assert old in example()
    path = tmp_path / "plant.toml"
    path.write_text(example().replace(old, new, 1), encoding="utf-8")

    assert sentence in refused(["cost", str(path), "--out", str(tmp_path / "out")], capsys)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(example(), encoding="utf-8")

    assert main(["cost", str(path), "--out", str(path)]) == 1

    assert "cannot be written into" in capsys.readouterr().err
