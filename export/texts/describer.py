"""Pictures to rows, with the models of a bundle and the describing of a station, exactly as a box does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.describers import open_vision_models
from edge.errors import DescribeError
from edge.familiarity.open import open_memory
from edge.inspection.golden import read_golden_station, without_camera
from edge.inspection.inspector import describe_picture
from edge.picture.decode import MAX_BYTES, PictureError, decode_picture, read_file
from edge.records import Frame
from export.texts.picture import Picture
from export.texts.row import SCORE_DIGITS, Row, failed_row, row_of
from firmware_config.board import Board, read_board
from firmware_config.digest import digest_of_values
from firmware_config.station import Station, read_station

NO_TIME = datetime.fromtimestamp(0, timezone.utc)
"""When a picture was taken is nothing that its words may depend on."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What describes: a bundle, the keys that it must be signed with, a station file, a board. It can be sent to another machine.

    Without `station` it is the golden station of the bundle. `threads`: of one process, None: as the board says.
    """

    bundle: Path
    keys: Path
    station: Path | None
    board: str
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What a recipe stands for: digests (`sha256:`) of the signed bundle, of its models and of the describing; the station's labels."""

    bundle: str
    bundle_name: str
    models: str
    describing: str
    station: str
    station_name: str
    labels: tuple[str, ...]
    board: str


def used_by(recipe: Recipe) -> Used:
    """Open what a recipe names, without loading a model.

    Raises:
        ConfigError, EdgeError: the bundle, the keys, the station or the board is wrong.
    """
    bundle, station, board = _open(recipe)
    return _used(bundle, station, board)


class TextDescriber:
    """Describes pictures, one after the other; opened in the process that uses it.

    Raises:
        ConfigError, EdgeError: as of `used_by`, or a model cannot be loaded.
    """

    def __init__(self, recipe: Recipe) -> None:
        bundle, self._station, board = _open(recipe)
        self.used = _used(bundle, self._station, board)
        memory = open_memory(bundle, self._station)
        self._describer = open_vision_models(bundle, board=board).describer(self._station.describe, memory)

    def rows(self, pictures: Iterable[Picture]) -> Iterator[Row]:
        """The rows of pictures, in their order."""
        return map(self.row, pictures)

    def row(self, picture: Picture) -> Row:
        """The row of one picture. One that cannot be read or described is a row with the reason."""
        identity, size, settings = None, None, self._station.picture
        models, describing = self.used.models, self.used.describing
        try:
            raw = read_file(picture.path, max_bytes=MAX_BYTES)
            identity = hashlib.sha256(raw).hexdigest()
            pixels = decode_picture(raw, name=picture.path.name, picture=settings)
            size = (pixels.shape[1], pixels.shape[0])
            frame = Frame(pixels, NO_TIME, 0, self._station.station.name, 0, picture.source)
            description = describe_picture(frame, settings=settings, describer=self._describer)
        except (PictureError, DescribeError) as err:
            return failed_row(picture, str(err), identity=identity, size=size, models_digest=models, describe_digest=describing)
        return row_of(
            picture,
            description,
            identity=identity,
            size=size,
            looks_for_text=not settings.allow_printed_text,
            models_digest=models,
            describe_digest=describing,
        )


def _open(recipe: Recipe) -> tuple[Bundle, Station, Board]:
    board = read_board(recipe.board)
    if recipe.threads is not None:
        board = board.model_copy(update={"threads": recipe.threads})
    bundle = open_trusted_bundle(recipe.bundle, keys=recipe.keys)
    station = read_golden_station(bundle) if recipe.station is None else without_camera(read_station(recipe.station))
    return bundle, station, board


def _used(bundle: Bundle, station: Station, board: Board) -> Used:
    memory = open_memory(bundle, station)
    describing = {
        "settings": station.describing_digest,
        "looks_for_printed_text": not station.picture.allow_printed_text,
        "memory": memory and memory.digest,
        "score_digits": SCORE_DIGITS,
    }
    return Used(
        bundle=bundle.digest,
        bundle_name=bundle.manifest.name,
        models=bundle.manifest.models_digest,
        describing=digest_of_values(describing),
        station=station.digest,
        station_name=station.station.name,
        labels=tuple(label.name for label in station.labels),
        board=board.name,
    )
