"""The inspectors of a box share the models of the starter bundle."""

from __future__ import annotations

import pytest

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.inspection.open import open_inspectors
from firmware_config.board import read_board
from firmware_config.station import Station, read_station
from tests.support.repository import KEYS, STARTER
from tests.support.sample_records import frame

BOARD = read_board("cpu").model_copy(update={"threads": 1})


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_trusted_bundle(STARTER, keys=KEYS)


def named(bundle: Bundle, name: str, **judge: object) -> Station:
    station = read_station(bundle.file("golden/station.toml"))
    identity = station.station.model_copy(update={"name": name})
    return station.model_copy(update={"station": identity, "judge": station.judge.model_copy(update=judge)})


def test_each_station_has_a_score_cache_of_its_own(bundle: Bundle) -> None:
    lookups: list[tuple[str, bool]] = []
    stations = [named(bundle, "one"), named(bundle, "two", adapter=None), named(bundle, "three", cached_scores=0)]
    inspectors = open_inspectors(bundle, stations, board=BOARD, on_lookup=lambda station, hit: lookups.append((station, hit)))

    inspections = [[inspector.inspect(frame()) for _ in range(2)] for inspector in inspectors]

    assert lookups == [("one", False), ("one", True), ("two", False), ("two", True)]
    assert all(first.scores == second.scores is not None for first, second in inspections)
    assert inspections[0][0].scores == inspections[2][0].scores != inspections[1][0].scores
