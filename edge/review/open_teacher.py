"""What teaching needs of a box: its bundle, its board and its models, each opened when it is first needed, once for many lessons."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from edge.bundle.open import Bundle
from edge.describers import open_vision_models
from edge.familiarity.open import open_memory
from edge.interfaces import Describer
from edge.judges import open_language_model
from edge.judges.language_model import LanguageModel
from edge.judges.lessons import Line
from edge.judges.prompt import Example
from edge.review.rejudge import Rejudger
from edge.review.teach import Teacher
from edge.slots.open import open_running_bundle
from firmware_config.board import Board, read_board
from firmware_config.settings import BoxSettings
from firmware_config.station import Station


class TeachingBox:
    """Opens teachers of the stations of a box."""

    def __init__(self, settings: BoxSettings) -> None:
        self._settings = settings
        self._last: tuple[str, tuple[Example, ...], Rejudger] | None = None

    def teacher(self, station: Station, path: Path, lines: Sequence[Line]) -> Teacher:
        """The teacher of a station; `lines` are those of its lessons file at `path`.

        Raises:
            ConfigError, BundleError: the board, the bundle or its keys are wrong.
        """
        return Teacher(
            path,
            lines,
            station=station,
            bundle=self._bundle,
            judge=lambda examples: self._judge(station, examples),
            describer=lambda: self._describer(station),
        )

    def _judge(self, station: Station, examples: Sequence[Example]) -> Rejudger:
        """The station's judge without its calibration; the last one is kept, for many lessons of one station need the same."""
        name, given = station.station.name, tuple(examples)
        if self._last is None or self._last[:2] != (name, given):
            model = None if station.judge.method == "linear" else self._model
            uncalibrated = station.with_judge({"calibration": None})
            self._last = (name, given, Rejudger(model, bundle=self._bundle, station=uncalibrated, examples=given))
        return self._last[2]

    def _describer(self, station: Station) -> Describer:
        return open_vision_models(self._bundle, board=self._board).describer(station.describe, open_memory(self._bundle, station))

    @cached_property
    def _bundle(self) -> Bundle:
        return open_running_bundle(self._settings)

    @cached_property
    def _board(self) -> Board:
        return read_board(self._settings.board)

    @cached_property
    def _model(self) -> LanguageModel:
        return open_language_model(self._bundle, board=self._board)
