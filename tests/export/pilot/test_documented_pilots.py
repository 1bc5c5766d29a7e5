"""The specifications of docs/pilots fit the pictures that are laid out for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import pytest

from export.pilot.cost import require_cost
from export.pilot.spec import PilotSpec, read_pilot_spec
from export.starter.pilot_boards import boards
from export.starter.pilot_cells import solar_cells
from export.starter.pilot_picture import PilotPicture
from export.starter.pilot_textile import textile
from tests.support.repository import ROOT

PILOTS = ROOT / "docs/pilots"
PICTURES: dict[str, Callable[[], Iterable[PilotPicture]]] = {
    "elpv": solar_cells,
    "elpv-material": solar_cells,
    "textile": partial(textile, 1),
    "assembly": partial(boards, 1, per_fault=1),
}


def specification(name: str) -> PilotSpec:
    return read_pilot_spec(PILOTS / f"{name}.toml")


def test_every_specification_is_looked_at() -> None:
    assert {path.stem for path in PILOTS.glob("*.toml")} == {*PICTURES, "plant"}


@pytest.mark.parametrize("name", PICTURES)
def test_a_specification_names_all_labels_and_the_domains_that_taught(name: str) -> None:
    data, pictures = specification(name).data, list(PICTURES[name]())
    assert {*data.good_labels, *data.bad_labels} == {one.label for one in pictures}
    assert set(data.seen) == {one.domain for one in pictures if one.split}
    if data.groups:
        assert {domain for domains in data.groups.values() for domain in domains} == {one.domain for one in pictures}


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "elpv-material"])
def test_its_costs_are_those_of_the_example_plant(name: str) -> None:
    cost = specification(name).cost
    assert cost is not None
    assert cost.spec == PILOTS / "plant.toml"
    require_cost(cost.spec)
