"""The models of a bundle, each loaded once, and the inspectors of the stations that share them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from edge.bundles import Bundle
from edge.describers import open_describer
from edge.inspector import Inspector
from edge.interfaces import Judge
from edge.judges import open_judge
from edge.judges.llama import LlamaModel
from edge.judges.memory import RememberingJudge
from edge.policy import Limits, limit_of
from firmware_config.board import Board
from firmware_config.calibration import read_calibration
from firmware_config.station import Station


def open_inspectors(
    bundle: Bundle, stations: Sequence[Station], *, board: Board, judged: Callable[[str, bool], None] = lambda _station, _remembered: None
) -> tuple[Inspector, ...]:
    """One inspector for each station, in their order. `judged` hears of each judgement: the station, and whether it was remembered.

    Raises:
        BundleError: a model cannot be loaded on this board, or the bundle lacks what a station asks for.
        CalibrationError: a station's calibration cannot be read, or was fitted for another judge.
    """
    llm = bundle.manifest.llm
    describer = open_describer(bundle, settings=stations[0].describe, board=board)
    model = LlamaModel(bundle.path(llm.model), board=board, context_tokens=llm.context_tokens)
    return tuple(
        Inspector(
            station,
            describer=describer.for_settings(station.describe),
            judge=_remembering(open_judge(model, bundle=bundle, station=station), station, judged),
            limits=limits_of(station),
            bundle_digest=bundle.digest,
        )
        for station in stations
    )


def _remembering(judge: Judge, station: Station, judged: Callable[[str, bool], None]) -> Judge:
    keep = station.judge.remember
    return RememberingJudge(judge, keep=keep, told=partial(judged, station.station.name)) if keep else judge


def limits_of(station: Station) -> Limits:
    """How sure a station's decisions must be.

    Raises:
        CalibrationError: its calibration cannot be read.
    """
    judge = station.judge
    escape = None if judge.calibration is None else read_calibration(judge.calibration).rule.escape
    return Limits(judge.min_confidence, judge.min_margin, limit_of(escape))
