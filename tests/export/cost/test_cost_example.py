"""The example of docs/cost.md, reckoned once more without the code of the model, and its page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from export.cli import main
from export.cost.inputs import inputs_of
from export.cost.read import read_figures
from export.cost.sentences import plain
from export.cost.study import Study, study
from tests.support.repository import ROOT

PAGE = (ROOT / "docs/cost.md").read_text(encoding="utf-8")


def example() -> str:
    found = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "plant.toml"
    path.write_text(example(), encoding="utf-8")
    return path


@pytest.fixture
def studied(spec: Path) -> Study:
    return study(read_figures(spec).spec)


def test_the_example_costs_what_a_pencil_says(studied: Study) -> None:
    parts = 4000 * 250
    bad, good = parts * 2 // 100, parts * 98 // 100
    escaped = bad * 6 / 300 + bad * 30 / 300 / 10
    reviewed = bad * 30 / 300 + good * 40 / 1000
    expected = {
        "escapes": escaped * 40,
        "overkill": good * 10 / 1000 * 2,
        "review": reviewed * 0.5 / 60 * 36,
        "inspectors": 0,
        "energy": (parts * 10 / 3_600_000 + 10 * 365 * 24 / 1000) * 0.25,
        "hardware": 6000 / 5,
        "labels": 500 * 0.5 / 60 * 36 / 5,
        "integration": 120 * 90 / 5,
        "upkeep": 48 * 90,
    }
    today = {"escapes": bad * 12 / 300 * 40, "overkill": good * 5 / 1000 * 2, "inspectors": parts * 3 / 3600 * 36}

    assert studied.box.lines == pytest.approx(expected)
    assert {line: cost for line, cost in studied.other.lines.items() if cost} == pytest.approx(today)
    assert studied.box.escaped.value == pytest.approx(600)
    assert studied.saving.value == pytest.approx(sum(today.values()) - sum(expected.values()))
    assert studied.boxes == 1
    assert studied.investment == pytest.approx(6000 + 150 + 10_800)
    assert studied.payback_years == pytest.approx(16_950 / (studied.saving.value + 16_950 / 5))


def test_the_page_of_the_example_holds_its_figures(studied: Study) -> None:
    bold = [float(figure.replace(",", "")) for figure in re.findall(r"\*\*([\d,.]+)(?: EUR| years)?\*\*", PAGE)]
    turns = {bar.key: bar.turns_at for bar in studied.tornado}

    lines = [round(cost) for cost in studied.box.lines.values() if cost]
    assert bold == [
        *lines,
        round(studied.box.total.value),
        round(studied.other.total.value),
        round(studied.saving.value),
        round(studied.payback_years or 0, 1),
        19.43,
    ]
    assert studied.outcome == "open"
    assert studied.tornado[0].key == "effort.review_minutes"
    assert "prices.operator_hour" not in turns  # it is given without a range


def test_the_page_lists_every_assumption_with_its_range(spec: Path) -> None:
    bare = re.sub(r"\[present\].*", "[present]\nescape = 0.1\noverkill = 0.1\n", example(), flags=re.DOTALL)
    bare = re.sub(r"(?m)^(days_per_year|review_bad|review_good).*\n", "", bare)
    spec.write_text(bare, encoding="utf-8")

    rows = re.findall(r"(?m)^\| `([a-z_.]+)` \| ([\d.,]+) \| (?:([\d.,]+) – ([\d.,]+) )?\|$", PAGE)

    assumed = [one for one in inputs_of(read_figures(spec).spec) if one.assumed]
    assert rows == [
        (
            one.key,
            plain(one.amount.middle),
            plain(one.amount.least) if one.amount.has_range else "",
            plain(one.amount.most) if one.amount.has_range else "",
        )
        for one in assumed
    ]


@pytest.mark.parametrize(
    ("language", "answer"), [("en", "It is not shown that the box pays"), ("ja", "装置の採算が合うとは言えません")], ids=["en", "ja"]
)
def test_the_command_writes_page_chart_and_numbers(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str, answer: str
) -> None:
    assert main(["cost", str(spec), "--out", str(tmp_path / "one"), "--language", language]) == 0
    assert main(["cost", str(spec), "--out", str(tmp_path / "two"), "--language", language]) == 0

    assert capsys.readouterr().out.startswith(answer)
    page = (tmp_path / "one/page.md").read_text(encoding="utf-8")
    told = json.loads((tmp_path / "one/cost.json").read_text(encoding="utf-8"))
    assert answer in page
    assert all(sentence in page for sentence in told["sentences"])
    assert page.count("ASSUMPTION" if language == "en" else "**仮定**") == sum(one["assumed"] for one in told["inputs"])
    assert "escapes" in told["box"]["lines"]
    assert (tmp_path / "one/tornado.png").read_bytes().startswith(b"\x89PNG")
    for name in ("page.md", "cost.json", "tornado.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_every_row_of_a_table_has_the_columns_of_its_head(spec: Path, tmp_path: Path) -> None:
    spec.write_text(example().replace('"scrap records"', '"a | b"'), encoding="utf-8")

    assert main(["cost", str(spec), "--out", str(tmp_path / "out")]) == 0

    page = (tmp_path / "out/page.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    assert len(tables) == 5
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table
