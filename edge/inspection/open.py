"""The models of a bundle, each loaded once, and the inspectors of the stations that share them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from edge.bundle.open import Bundle
from edge.describers import open_vision_models
from edge.inspection.inspector import Inspector
from edge.inspection.policy import limits_of
from edge.interfaces import Judge
from edge.judges import open_calibration, open_language_model, open_plain_judge
from edge.judges.score_cache import RememberingJudge
from firmware_config.board import Board
from firmware_config.station import Station


def open_inspectors(
    bundle: Bundle, stations: Sequence[Station], *, board: Board, judged: Callable[[str, bool], None] = lambda _station, _remembered: None
) -> tuple[Inspector, ...]:
    """One inspector for each station, in their order. `judged` hears of each judgement: the station, and whether it was remembered.

    Raises:
        BundleError: a model cannot be loaded on this board, or the bundle lacks what a station asks for.
        CalibrationError: a station's calibration cannot be read, or was fitted for another judge.
    """
    vision = open_vision_models(bundle, board=board)
    model = open_language_model(bundle, board=board)
    inspectors = []
    for station in stations:
        plain = open_plain_judge(model, bundle=bundle, station=station)
        calibrated = open_calibration(plain, bundle=bundle, station=station)
        inspectors.append(
            Inspector(
                station,
                describer=vision.describer(station.describe),
                judge=_remembering(calibrated or plain, station, judged),
                limits=limits_of(station, calibrated.escape if calibrated else None),
                bundle_digest=bundle.digest,
                models_digest=bundle.manifest.models_digest,
            )
        )
    return tuple(inspectors)


def _remembering(judge: Judge, station: Station, judged: Callable[[str, bool], None]) -> Judge:
    keep = station.judge.remember
    return RememberingJudge(judge, keep=keep, told=partial(judged, station.station.name)) if keep else judge
