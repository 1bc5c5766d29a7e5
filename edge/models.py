"""The models of a bundle, each loaded once, and the inspectors of the stations that share them."""

from __future__ import annotations

from collections.abc import Sequence

from edge.bundles import Bundle
from edge.describers import open_describer
from edge.inspector import Inspector
from edge.judges import open_judge
from edge.judges.llama import LlamaModel
from edge.policy import Limits
from firmware_config.board import Board
from firmware_config.station import Station


def open_inspectors(bundle: Bundle, stations: Sequence[Station], *, board: Board) -> tuple[Inspector, ...]:
    """One inspector for each station, in their order.

    Raises:
        BundleError: a model cannot be loaded on this board, or the bundle lacks what a station asks for.
    """
    llm = bundle.manifest.llm
    describer = open_describer(bundle, settings=stations[0].describe, board=board)
    model = LlamaModel(bundle.path(llm.model), board=board, context_tokens=llm.context_tokens)
    return tuple(
        Inspector(
            station,
            describer=describer.for_settings(station.describe),
            judge=open_judge(model, bundle=bundle, station=station),
            limits=Limits(station.judge.min_confidence, station.judge.min_margin),
            bundle_digest=bundle.digest,
        )
        for station in stations
    )
