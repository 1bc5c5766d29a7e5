"""The station template of a bundle: the station file from which `kotoba-config new` makes stations that judge as the bundle's maker meant.

It is a whole station file. Its name, site path, camera and outputs are placeholders; labels, words and judging are taken over. A
calibration that it names lies beside it in the bundle.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from firmware_config.bundle import GOLDEN_STATION, Manifest
from firmware_config.bundle_parts import require_calibrated_for, require_parts
from firmware_config.calibration import MAX_CALIBRATION_BYTES, Calibration, parse_calibration
from firmware_config.errors import StationError
from firmware_config.signed_bundle import SignedBundle
from firmware_config.station import Station, parse_station
from firmware_config.toml import MAX_TOML_BYTES

STATION_TEMPLATE = "stations/default.toml"
"""Its path inside a bundle. Where a bundle has none, its golden station is the template."""


def template_path(manifest: Manifest) -> str | None:
    """The path of the template inside a bundle; None if it has neither a template nor a golden station."""
    listed = {file.path for file in manifest.files}
    return next((path for path in (STATION_TEMPLATE, GOLDEN_STATION) if path in listed), None)


def read_template_station(bundle: SignedBundle) -> tuple[Station, Calibration | None]:
    """Read the template of a bundle and its calibration; the station names the calibration by its path on this machine.

    Raises:
        StationError: the bundle has no template, or it is not understood, or names what the bundle does not have.
        ManifestError, CalibrationError: a file was changed after signing, or the calibration belongs to another judge.
    """
    path = template_path(bundle.manifest)
    if path is None:
        msg = (
            f"bundle {bundle.root} carries no station template ({STATION_TEMPLATE} or {GOLDEN_STATION}): take a bundle that does, or make "
            "the station without --bundle and name labels, adapter and template by hand"
        )
        raise StationError(msg)
    source = f"{bundle.root / path}"
    station = parse_station(bundle.read(path, limit=MAX_TOML_BYTES), source=source)
    require_template(station, source=source)
    require_parts(station, bundle.manifest)
    if station.judge.calibration is None:
        return station, None
    beside = str(PurePosixPath(path).with_name(str(station.judge.calibration)))
    here = (bundle.root / beside).absolute()
    calibration = parse_calibration(bundle.read(beside, limit=MAX_CALIBRATION_BYTES), path=here)
    require_calibrated_for(station, bundle.manifest, calibration, path=here)
    return station.with_judge({"calibration": here}), calibration


def require_template(station: Station, *, source: str) -> None:
    """Check that a station can be a template: it names no file but a calibration beside it.

    Raises:
        StationError: it names another file, or a calibration elsewhere.
    """
    judge = station.judge
    for key, path in (("template_file", judge.template_file), ("lessons", judge.lessons)):
        if path is not None:
            msg = f"station template {source}: judge.{key} is {path}, which no bundle holds: leave it out, a station adds it"
            raise StationError(msg)
    if judge.calibration is not None and judge.calibration.name != str(judge.calibration):
        msg = f"station template {source}: judge.calibration is {judge.calibration}, expected the name of a file beside it: move it there"
        raise StationError(msg)
