"""The box of a pilot: a bundle, a station file and a board, as they would be installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.bundle.open import Bundle
from edge.inspection.golden import without_camera
from edge.picture.decode import PictureError, read_file
from firmware_config.board import Board
from firmware_config.calibration import MAX_CALIBRATION_BYTES, Escape, read_calibration
from firmware_config.digest import digest_of_values
from firmware_config.signed_bundle import SignedBundle
from firmware_config.station import Station, read_station
from firmware_config.station_template import read_template_station
from firmware_config.stations_of_a_box import read_files_of
from firmware_config.version import installed_version

MAX_FILE_BYTES = 64 * MAX_CALIBRATION_BYTES
"""Of a file that a station names."""


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """What judges the pictures. The station has no deadline and no check for a frozen camera: the pictures come from no camera."""

    bundle: Bundle
    station: Station
    board: Board

    @property
    def escape(self) -> Escape | None:
        """The confidence that an OK needs by the station's calibration; None without one.

        Raises:
            CalibrationError: the calibration cannot be read.
        """
        path = self.station.judge.calibration
        return None if path is None else read_calibration(self.bundle.file_at(path)).rule.escape

    @property
    def digest(self) -> str:
        """`sha256:` of all that its inspections depend on: the bundle, the station, the files that it names, the board, this version."""
        values = {
            "bundle": self.bundle.digest,
            "station": self.station.digest,
            "files": [(key, _digest(path)) for key, path in read_files_of(self.station)],
            "board": self.board.model_dump(mode="json"),
            "version": installed_version(),
        }
        return digest_of_values(values)


def open_box(bundle: Bundle, *, station: Path | None, board: Board) -> Box:
    """The box of a bundle that is open, with a station file; None: the station template of the bundle.

    Raises:
        ConfigError: the station file is wrong, or the bundle has no template.
    """
    found = read_template_station(SignedBundle(bundle.root, bundle.manifest))[0] if station is None else read_station(station)
    return Box(bundle, without_camera(found), board)


def _digest(path: Path) -> str | None:
    try:
        return digest_of_values(read_file(path, max_bytes=MAX_FILE_BYTES).hex())
    except PictureError:
        return None
