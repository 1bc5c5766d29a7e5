"""What the stations of a box need besides being right: names that differ, and files that are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from firmware_config.bundle_slots import inside_slot
from firmware_config.errors import StationError
from firmware_config.station import Station


def require_distinct_names(stations: Sequence[Station], *, folder: Path) -> None:
    """Check that the stations of a folder have different names: a box tells their verdicts apart by it.

    Raises:
        StationError: the first name that is there twice.
    """
    names = [station.station.name for station in stations]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        msg = f"stations folder {folder}: the station name {twice!r} is there twice: give each station a name of its own"
        raise StationError(msg)


def require_named_files(station: Station, *, camera_may_be_out: bool = False) -> None:
    """Check that the files and folders that a station reads are on this machine. A camera may still be unplugged.

    With `camera_may_be_out` the folders of a watched camera may be missing too: a share that is mounted later is a camera that is out.

    Raises:
        StationError: the first file or folder that is missing.
    """
    judge = station.judge
    paths = [("template_file", judge.template_file), ("calibration", judge.calibration), ("lessons", judge.lessons)]
    camera = station.camera
    is_out = camera_may_be_out and camera.kind == "folder" and camera.watch
    named = [] if is_out else [(f"camera.{key}", path) for key, path in camera.named_files()]
    named += [(f"outputs.{key}", path) for key, path in station.outputs.named_files()]
    # A calibration that came with a bundle is one of the bundle that judges: whether that has it is asked when the bundle is opened.
    named += [(f"judge.{key}", path) for key, path in paths if path is not None and (key != "calibration" or inside_slot(path) is None)]
    if station.familiarity.memory_file is not None:
        named.append(("familiarity.memory_file", station.familiarity.memory_file))
    for key, path in named:
        if not path.exists():
            msg = f"station {station.station.name}: {key}: {path} does not exist: correct the path or put the file there"
            raise StationError(msg)
        if not (key.startswith("camera.") and camera.kind == "folder") and not path.is_file():
            msg = f"station {station.station.name}: {key}: {path} is no regular file: name the file itself, not a pipe or a device"
            raise StationError(msg)
