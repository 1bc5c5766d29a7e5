"""Opens the inspectors of a box: loads each model of its bundle that they need once and shares it between the stations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from edge.bundle.open import Bundle
from edge.describers import open_vision_models
from edge.familiarity.open import open_memory
from edge.inspection.inspector import Inspector
from edge.inspection.policy import limits_of
from edge.judges import open_needed_model, open_station_judge
from firmware_config.board import Board
from firmware_config.station import Station


def open_inspectors(
    bundle: Bundle, stations: Sequence[Station], *, board: Board, on_lookup: Callable[[str, bool], None] = lambda _station, _hit: None
) -> tuple[Inspector, ...]:
    """Open one inspector for each station, in their order. `on_lookup` is called for each judgement: (station name, score cache hit).

    Raises:
        BundleError: a model cannot be loaded on this board, or the bundle lacks what a station needs.
        CalibrationError: a station's calibration cannot be read, or was fitted for another judge.
        FamiliarityError: a station's memory of known pictures cannot be read, or was learned with other models or another region.
    """
    vision = open_vision_models(bundle, board=board)
    model = open_needed_model(bundle, stations, board=board)
    inspectors = []
    for station in stations:
        judge = open_station_judge(model, bundle=bundle, station=station, on_lookup=partial(on_lookup, station.station.name))
        inspectors.append(
            Inspector(
                station,
                describer=vision.describer(station.describe, open_memory(bundle, station)),
                judge=judge,
                limits=limits_of(station, judge.escape),
                bundle_digest=bundle.digest,
                models_digest=bundle.manifest.models_digest,
            )
        )
    return tuple(inspectors)
