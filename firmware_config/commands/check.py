"""`kotoba-config check`: read configuration files as a box does, and say what is wrong with them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firmware_config.board import read_board
from firmware_config.box import read_box
from firmware_config.bundle import MAX_MANIFEST_BYTES, Manifest, parse_manifest
from firmware_config.bundle_parts import require_calibrated_for, require_parts
from firmware_config.calibration import read_calibration
from firmware_config.errors import ConfigError, ManifestError
from firmware_config.exit_codes import BAD_CONFIG, DONE
from firmware_config.obstacles import obstacles
from firmware_config.regular_file import read_regular
from firmware_config.settings import BoxSettings, read_settings
from firmware_config.signed_bundle import open_signed_bundle
from firmware_config.station import Station, read_station
from firmware_config.stations_of_a_box import require_distinct_names, require_named_files
from firmware_config.verbs import Verbs, add_verb


@dataclass(frozen=True, slots=True)
class _Checked:
    """What identifies a valid file, and what a person must know of it, a sentence each."""

    summary: dict[str, str]
    warnings: list[str] = field(default_factory=list)
    station: Station | None = None


def register(verbs: Verbs, kinds: Collection[str]) -> None:
    """Add the verb; `kinds` are the kinds of files."""
    check = add_verb(
        verbs,
        "check",
        summary="Check configuration files, and print one line for each.",
        details="With --bundle a station is also compared with the bundle that it will run on. The exit code is 78 if a file is not valid; "
        "a station that can never say OK is valid, and a warning says why.",
        example="kotoba-config check /etc/kotoba/stations --bundle /var/lib/kotoba/bundle",
    )
    check.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="A file, or a folder of .toml files.")
    check.add_argument("--kind", choices=kinds, default="station", help="The kind of the files. Default: %(default)s.")
    check.add_argument("--bundle", type=Path, metavar="DIR", help="The folder of the bundle that the stations run on. Default: none.")
    keys = BoxSettings.model_fields["keys"].default
    check.add_argument(
        "--keys",
        type=Path,
        metavar="DIR",
        help=f"The folder of trusted public keys (*.pub). Default: the environment variable KOTOBA_KEYS, else {keys}.",
    )
    check.add_argument(
        "--elsewhere", action="store_true", help="The files are for another machine: do not check that the files named in them exist."
    )
    check.add_argument("--json", action="store_true", help="Print one JSON object for each file.")
    check.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    try:
        bundle = None if options.bundle is None else open_signed_bundle(options.bundle, keys=options.keys or read_settings().keys)
    except ConfigError as err:
        print(f"kotoba-config: {err}", file=sys.stderr)
        return BAD_CONFIG
    manifest = None if bundle is None else bundle.manifest
    code, beside = DONE, dict[Path, list[Station]]()
    for path in _files(options.paths):
        error: str | None = None
        checked = _Checked({})
        try:
            checked = _read(path, kind=options.kind, elsewhere=options.elsewhere, manifest=manifest)
            if checked.station is not None:
                beside.setdefault(path.parent, []).append(checked.station)
                require_distinct_names(beside[path.parent], folder=path.parent)
        except ConfigError as err:
            code, error = BAD_CONFIG, str(err)
        if options.json:
            told = {"path": str(path), "ok": error is None, "error": error, "warnings": checked.warnings, **checked.summary}
            print(json.dumps(told, ensure_ascii=False))
            continue
        if error is not None:
            print(f"kotoba-config: {error}", file=sys.stderr)
            continue
        print(f"{path}: valid, " + ", ".join(f"{key} {value}" for key, value in checked.summary.items()))
        for warning in checked.warnings:
            print(f"kotoba-config: warning: {warning}", file=sys.stderr)
    return code


def _files(paths: Sequence[Path]) -> list[Path]:
    """Replace a folder by its .toml files. A folder without any stays in the list, so that it is reported as an error."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob("*.toml")) or [path] if path.is_dir() else [path]
    return files


def _read(path: Path, *, kind: str, elsewhere: bool, manifest: Manifest | None) -> _Checked:
    """Read one file.

    Raises:
        ConfigError: the file is missing or not valid, or a station does not fit the bundle.
    """
    if kind == "board":
        return _Checked({"board": read_board(str(path)).name})
    if kind == "box":
        box = read_box(path)
        return _Checked({"box": box.box.name, "stations": ", ".join(station.name for station in box.stations)})
    if kind == "manifest":
        read = _read_manifest(path)
        return _Checked({"bundle": read.name, "version": str(read.bundle_version)})
    if kind == "calibration":
        calibration = read_calibration(path)
        carried = {"moved": f"{calibration.rule.moved:+.2f}", "carried_from": calibration.carried_from} if calibration.carried_from else {}
        kind, models = calibration.rule.scale.kind, calibration.fitted_for.models
        return _Checked({"calibration": kind, "models": models, **carried, "digest": calibration.digest})
    station = read_station(path)
    if not elsewhere:
        require_named_files(station)
    return _Checked(
        {"station": station.station.name, "camera": station.camera.kind, "digest": station.digest},
        _warnings(station, manifest, elsewhere=elsewhere),
        station,
    )


def _warnings(station: Station, manifest: Manifest | None, *, elsewhere: bool) -> list[str]:
    """What keeps a station from saying OK.

    Raises:
        ConfigError: the bundle lacks what the station names, or the calibration is missing, wrong or fitted for another judge.
    """
    path = None if elsewhere else station.judge.calibration
    calibration = None if path is None else read_calibration(path)
    if manifest is not None:
        require_parts(station, manifest)
        if calibration is not None and path is not None:
            require_calibrated_for(station, manifest, calibration, path=path)
    return [obstacle.told(station) for obstacle in obstacles(station, manifest, calibration)]


def _read_manifest(path: Path) -> Manifest:
    try:
        return parse_manifest(read_regular(path, MAX_MANIFEST_BYTES))
    except OSError as err:
        msg = f"manifest {path} cannot be read ({err.strerror}): give the manifest.json of a bundle"
        raise ManifestError(msg) from err
