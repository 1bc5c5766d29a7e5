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


def require_one_writer(stations: Sequence[Station], *, folder: Path) -> None:
    """Check that stations that write to the same file of JSON lines say the same of it: each file has one writer.

    Raises:
        StationError: the first file of which two stations say different things.
    """
    said: dict[Path, Station] = {}
    for station in stations:
        output = station.outputs.jsonl
        if output is None:
            continue
        first = said.setdefault(output.path, station)
        if first.outputs.jsonl != output:
            msg = (
                f"stations folder {folder}: outputs.jsonl of {first.station.name} and {station.station.name} name {output.path} with "
                "different settings: say the same in both, or give each a file of its own"
            )
            raise StationError(msg)


def read_files_of(station: Station) -> list[tuple[str, Path]]:
    """The keys and paths of the files that a station is judged with, beside its own.

    A calibration that came with a bundle is not among them: it is one of the bundle that judges, and whether that has it is asked when the
    bundle is opened.
    """
    judge = station.judge
    named = [
        ("judge.template_file", judge.template_file),
        ("judge.calibration", judge.calibration),
        ("judge.lessons", judge.lessons),
        ("familiarity.memory_file", station.familiarity.memory_file),
    ]
    return [(key, path) for key, path in named if path is not None and (key != "judge.calibration" or inside_slot(path) is None)]


def require_named_files(station: Station, *, camera_may_be_out: bool = False) -> None:
    """Check that the files and folders that a station reads are on this machine. A camera may still be unplugged.

    With `camera_may_be_out` the folders of a watched camera may be missing too: a share that is mounted later is a camera that is out.

    Raises:
        StationError: the first file or folder that is missing.
    """
    camera = station.camera
    is_out = camera_may_be_out and camera.kind == "folder" and camera.watch
    named = [] if is_out else [(f"camera.{key}", path) for key, path in camera.named_files()]
    named += [(f"outputs.{key}", path) for key, path in station.outputs.named_files()]
    named += read_files_of(station)
    for key, path in named:
        if not path.exists():
            msg = f"station {station.station.name}: {key}: {path} does not exist: correct the path or put the file there"
            raise StationError(msg)
        if not (key.startswith("camera.") and camera.kind == "folder") and not path.is_file():
            msg = f"station {station.station.name}: {key}: {path} is no regular file: name the file itself, not a pipe or a device"
            raise StationError(msg)
