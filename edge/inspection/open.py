"""Opens the inspectors of a box: loads each model of its bundle that they need once and shares it between the stations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from edge.bundle.open import Bundle
from edge.describers import open_vision_models
from edge.familiarity.open import open_memory
from edge.inspection.inspector import Inspector
from edge.inspection.policy import limits_of
from edge.judges import open_needed_model, open_station_judge
from firmware_config.board import Board
from firmware_config.station import Station

if TYPE_CHECKING:
    from edge.judges.language_model import LanguageModel
    from edge.judges.station_judge import StationJudge


class LoadedModels:
    """The models of a bundle, each loaded once. `on_lookup` is called for each judgement: (station name, score cache hit).

    Raises:
        BundleError: a model cannot be loaded on this board.
    """

    def __init__(self, bundle: Bundle, *, board: Board, on_lookup: Callable[[str, bool], None] = lambda _station, _hit: None) -> None:
        self._bundle = bundle
        self._board = board
        self._on_lookup = on_lookup
        self._vision = open_vision_models(bundle, board=board)
        self._language: LanguageModel | None = None
        self._opened: list[tuple[Inspector, StationJudge]] = []

    def inspectors(self, stations: Sequence[Station]) -> tuple[Inspector, ...]:
        """Open one inspector for each station, in their order; also from another thread than those in which earlier ones inspect.

        Raises:
            BundleError: the language model is needed first now and cannot be loaded, or the bundle lacks what a station needs.
            CalibrationError: a station's calibration cannot be read, or was fitted for another judge.
            FamiliarityError: a station's memory of known pictures cannot be read, or was learned with other models or another region.
        """
        self._language = self._language or open_needed_model(self._bundle, stations, board=self._board)
        return tuple(map(self._inspector, stations))

    def prepare(self, inspectors: Sequence[Inspector]) -> None:
        """Compute what their first pictures would wait for.

        Raises:
            JudgeError: the language model failed.
        """
        for inspector, judge in self._opened:
            if inspector in inspectors:
                judge.prepare()

    def keep_only(self, inspectors: Sequence[Inspector]) -> None:
        """Let go of what was kept for inspectors other than these."""
        self._opened = [(inspector, judge) for inspector, judge in self._opened if inspector in inspectors]
        if self._language is not None:
            self._language.keep_only({judge.prefix for _, judge in self._opened if judge.prefix is not None})

    def _inspector(self, station: Station) -> Inspector:
        on_lookup = partial(self._on_lookup, station.station.name)
        judge = open_station_judge(self._language, bundle=self._bundle, station=station, on_lookup=on_lookup)
        inspector = Inspector(
            station,
            describer=self._vision.describer(station.describe, open_memory(self._bundle, station)),
            judge=judge,
            limits=limits_of(station, judge.escape),
            bundle_digest=self._bundle.digest,
            models_digest=self._bundle.manifest.models_digest,
        )
        self._opened.append((inspector, judge))
        return inspector


def open_inspectors(
    bundle: Bundle, stations: Sequence[Station], *, board: Board, on_lookup: Callable[[str, bool], None] = lambda _station, _hit: None
) -> tuple[Inspector, ...]:
    """Open one inspector for each station, in their order; see `LoadedModels`.

    Raises:
        BundleError, CalibrationError, FamiliarityError: as `LoadedModels` and its `inspectors`.
    """
    return LoadedModels(bundle, board=board, on_lookup=on_lookup).inspectors(stations)
