"""A pilot writes into a folder of its own: not among the pictures, not over what somebody else keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.cost.counted import Counts
from export.errors import SpecError
from export.pilot.cost import COST, COUNTS, remove_costs, write_costs
from export.pilot.place import WORK, require_own_folder
from export.pilot.spec import Cost, Data, PilotSpec, read_pilot_spec
from export.texts.sources import Pictures, TextsSpec
from tests.export.pilot.test_cost import PLANT
from tests.export.pilot.test_spec import SPEC
from tests.support.tiny_bundle import is_one_sentence


@pytest.fixture
def spec(tmp_path: Path) -> PilotSpec:
    (tmp_path / "pictures/line 1/good").mkdir(parents=True)
    (tmp_path / "pilot.toml").write_text(SPEC, encoding="utf-8")
    return read_pilot_spec(tmp_path / "pilot.toml")


SOURCES = TextsSpec(name="pictures", pictures=(Pictures(folder=Path()),))


def refused(out: Path, spec: PilotSpec, sources: TextsSpec | None = SOURCES) -> str:
    with pytest.raises(SpecError) as raised:
        require_own_folder(out, spec, sources)
    assert is_one_sentence(str(raised.value))
    return str(raised.value)


def test_a_new_folder_an_empty_one_and_that_of_a_pilot_are_taken(spec: PilotSpec, tmp_path: Path) -> None:
    require_own_folder(tmp_path / "new", spec, SOURCES)
    (tmp_path / "out").mkdir()
    require_own_folder(tmp_path / "out", spec, SOURCES)
    (tmp_path / "out/texts").mkdir()
    (tmp_path / "out" / WORK).mkdir()
    require_own_folder(tmp_path / "out", spec, SOURCES)


@pytest.mark.parametrize("name", ["pictures", "pictures/out", "pictures/line 1/../out"])
def test_a_folder_among_the_pictures_is_refused(spec: PilotSpec, tmp_path: Path, name: str) -> None:
    assert "which lies in the data" in refused(tmp_path / name, spec)


def test_a_folder_among_the_pictures_of_a_specification_is_refused(spec: PilotSpec, tmp_path: Path) -> None:
    given = spec.model_copy(update={"data": Data(pictures=tmp_path / "data.toml")})
    sources = TextsSpec(name="all", pictures=(Pictures(csv=Path("a.csv")), Pictures(folder=Path("pictures"))))

    assert "which lies in the data" in refused(tmp_path / "pictures/out", given, sources)


def test_a_folder_with_other_files_is_refused(spec: PilotSpec, tmp_path: Path) -> None:
    assert "which holds pictures" in refused(tmp_path, spec)


def test_the_cost_specification_of_the_plant_is_not_written_over(spec: PilotSpec, tmp_path: Path) -> None:
    given = spec.model_copy(update={"cost": Cost(spec=tmp_path / "out" / COST)})

    assert "would write over the cost specification" in refused(tmp_path / "out", given)


def test_costs_of_other_decisions_go_and_a_specification_of_somebody_else_stays(tmp_path: Path) -> None:
    (tmp_path / "seen.csv").write_text("truth,decision\nbad,NG\ngood,OK\n", encoding="utf-8")
    (tmp_path / "plant.toml").write_text(PLANT, encoding="utf-8")
    counts = Counts(schema="kotoba.counts/1", bad=9, escaped=1, bad_reviewed=1, good=9, rejected=1, good_reviewed=1)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    write_costs(counts, tmp_path / "plant.toml", ours)
    assert {path.name for path in ours.iterdir()} == {COUNTS, COST}
    (theirs / COST).write_text(PLANT, encoding="utf-8")

    remove_costs(ours)
    remove_costs(theirs)

    assert list(ours.iterdir()) == []
    assert (theirs / COST).read_text(encoding="utf-8") == PLANT
