"""The models of a bundle, each loaded once, and the inspectors of the stations that share them."""

from __future__ import annotations

from collections.abc import Sequence

from edge.bundles import Bundle
from edge.describers import open_describer
from edge.inspector import Inspector
from edge.judges import open_judge
from edge.judges.llama import LlamaModel
from edge.policy import Limits, limit_of
from firmware_config.board import Board
from firmware_config.calibration import read_calibration
from firmware_config.station import Station


def open_inspectors(bundle: Bundle, stations: Sequence[Station], *, board: Board) -> tuple[Inspector, ...]:
    """One inspector for each station, in their order.

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
            judge=open_judge(model, bundle=bundle, station=station),
            limits=limits_of(station),
            bundle_digest=bundle.digest,
        )
        for station in stations
    )


def limits_of(station: Station) -> Limits:
    """How sure a station's decisions must be.

    Raises:
        CalibrationError: its calibration cannot be read.
    """
    judge = station.judge
    escape = None if judge.calibration is None else read_calibration(judge.calibration).rule.escape
    return Limits(judge.min_confidence, judge.min_margin, limit_of(escape))
