"""The costs of a pilot are the plant's own figures with the rates that the pilot counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.chapters.decided import share
from export.cost.read import read_figures
from export.errors import SpecError
from export.findings.box import Decided
from export.pilot.cost import COST, COUNTS, counts_of, require_cost, write_costs
from tests.support.tiny_bundle import is_one_sentence

PLANT = """
[plant]
name = "line 3"
currency = "EUR"
parts_per_day = 4000
defect_rate = { value = 0.02, low = 0.01, high = 0.04 }
[prices]
escape = 40
overkill = 2
operator_hour = 36
engineer_hour = 90
kwh = 0.25
box = 6000
[box]
years = 4
[present]
verdicts = "seen.csv"
"""


def decided(domain: str, *, seen: bool) -> Decided:
    return Decided(
        domain=domain, seen=seen, rule="as_it_comes", good={"OK": 80, "NG": 10, "REVIEW": 6, "FAULT": 4},
        bad={"OK": 1, "NG": 40, "REVIEW": 9}, escape=share(1, 50), overkill=share(10, 100), review=share(15, 150), passed=share(80, 100),
        reasons={},
    )  # fmt: skip


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    folder = tmp_path / "plant"
    folder.mkdir()
    (folder / "seen.csv").write_text("truth,decision\nbad,NG\nbad,OK\ngood,OK\ngood,OK\n", encoding="utf-8")
    (folder / "plant.toml").write_text(PLANT, encoding="utf-8")
    return folder / "plant.toml"


def test_only_domains_that_taught_nothing_are_counted() -> None:
    counts = counts_of([decided("a", seen=True), decided("b", seen=False), decided("c", seen=False)])

    assert counts is not None
    assert (counts.bad, counts.escaped, counts.bad_reviewed) == (100, 2, 18)
    assert (counts.good, counts.rejected, counts.good_reviewed) == (200, 20, 20)
    assert counts_of([decided("a", seen=True)]) is None


def test_the_cost_study_reads_what_the_pilot_wrote(plant: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    counts = counts_of([decided("b", seen=False)])
    assert counts is not None

    path, saving = write_costs(counts, plant, out)

    figures = read_figures(path)
    assert path == out / COST
    assert json.loads((out / COUNTS).read_text())["escaped"] == 1
    assert figures.spec.box.escape is not None
    assert (figures.spec.box.escape.count, figures.spec.box.escape.of, figures.spec.box.years.middle) == (1, 50, 4)
    assert figures.spec.present is not None
    assert figures.spec.present.escape is not None
    assert figures.spec.present.escape.of == 2
    assert saving.low <= saving.value <= saving.high
    assert saving.currency == "EUR"


def test_rates_that_the_plant_gave_for_the_box_are_replaced(plant: Path, tmp_path: Path) -> None:
    plant.write_text(PLANT.replace("years = 4", "years = 4\nescape = 0.5\noverkill = 0.5\nreview_bad = 0.1"), encoding="utf-8")
    counts = counts_of([decided("b", seen=False)])
    assert counts is not None

    path, _ = write_costs(counts, plant, tmp_path)

    escape = read_figures(path).spec.box.escape
    assert escape is not None
    assert escape.middle == 1 / 50


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("parts_per_day = 4000", "", "plant.parts_per_day"),
        ("[box]", "[bax]", "bax"),
        ("[plant]", "[plant", "is not TOML"),
        ("[box]\nyears = 4", "", ""),
        ("years = 4", "years = -1", "box.years"),
    ],
)
def test_a_wrong_cost_specification_is_told_before_the_pilot_begins(plant: Path, old: str, new: str, said: str) -> None:
    plant.write_text(PLANT.replace(old, new), encoding="utf-8")
    if not said:  # the box has a default for everything that is not counted
        require_cost(plant)
        return
    with pytest.raises(SpecError) as raised:
        require_cost(plant)

    assert said in str(raised.value)
    assert is_one_sentence(str(raised.value))


def test_a_cost_specification_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        require_cost(tmp_path / "no.toml")
