"""The command `kotoba-config`: check, explain and create the configuration files of a device."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from firmware_config.board import Board, read_board
from firmware_config.bundle import MAX_MANIFEST_BYTES, Manifest, parse_manifest
from firmware_config.calibration import Calibration, read_calibration
from firmware_config.errors import ConfigError, ManifestError, first_mistake
from firmware_config.exit_codes import BAD_CONFIG, DONE, FAILED
from firmware_config.new_station import CAMERAS, station_text
from firmware_config.station import Identity, Station, read_station, require_named_files
from firmware_config.verbs import add_verb, exit_codes_of
from firmware_config.version import add_version_option
from firmware_config.write import write_atomic

SCHEMAS: dict[str, type[BaseModel]] = {"station": Station, "board": Board, "manifest": Manifest, "calibration": Calibration}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    command_line = argparse.ArgumentParser(
        prog="kotoba-config",
        description="Check, explain and create the configuration files of a device.",
        epilog=exit_codes_of("kotoba-config"),
    )
    add_version_option(command_line)
    verbs = command_line.add_subparsers(required=True, metavar="COMMAND")

    check = add_verb(
        verbs,
        "check",
        summary="Check configuration files, and print one line for each.",
        details="The exit code is 78 if a file is not valid.",
        example="kotoba-config check /etc/kotoba/stations",
    )
    check.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="A file, or a folder of .toml files.")
    check.add_argument("--kind", choices=SCHEMAS, default="station", help="The kind of the files. Default: %(default)s.")
    check.add_argument(
        "--elsewhere", action="store_true", help="The files are for another machine: do not check that the files named in them exist."
    )
    check.add_argument("--json", action="store_true", help="Print one JSON object for each file.")
    check.set_defaults(command=_check)

    schema = add_verb(
        verbs,
        "schema",
        summary="Print the JSON Schema of a kind of file.",
        details="That of a bundle's specification is printed by `kotoba-export schema`.",
        example="kotoba-config schema station",
    )
    schema.add_argument("kind", choices=SCHEMAS, help="The kind of file.")
    schema.set_defaults(command=_schema)

    new = add_verb(
        verbs,
        "new",
        summary="Write a commented station file with every key and its default.",
        example="kotoba-config new cell-01 --camera rtsp --out cell-01.toml",
    )
    new.add_argument("name", type=_station_name, metavar="NAME", help="The name of the station: letters, digits, - and _.")
    new.add_argument("--camera", choices=CAMERAS, default="folder", help="The kind of camera. Default: %(default)s.")
    new.add_argument("--out", type=Path, metavar="FILE", help="The file to write; it must not exist. Default: stdout.")
    new.set_defaults(command=_new)
    return command_line


def _check(options: argparse.Namespace) -> int:
    code = DONE
    for path in _files(options.paths):
        error: str | None = None
        summary: dict[str, str] = {}
        try:
            summary = _read(path, kind=options.kind, elsewhere=options.elsewhere)
        except ConfigError as err:
            code, error = BAD_CONFIG, str(err)
        if options.json:
            print(json.dumps({"path": str(path), "ok": error is None, "error": error, **summary}, ensure_ascii=False))
        elif error is None:
            print(f"{path}: valid, " + ", ".join(f"{key} {value}" for key, value in summary.items()))
        else:
            print(f"kotoba-config: {error}", file=sys.stderr)
    return code


def _files(paths: Sequence[Path]) -> list[Path]:
    """Replace a folder by its .toml files. A folder without any stays in the list, so that it is reported as an error."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob("*.toml")) or [path] if path.is_dir() else [path]
    return files


def _read(path: Path, *, kind: str, elsewhere: bool) -> dict[str, str]:
    """Read one file; returns what identifies it.

    Raises:
        ConfigError: the file is missing or not valid.
    """
    if kind == "board":
        return {"board": read_board(str(path)).name}
    if kind == "manifest":
        manifest = _read_manifest(path)
        return {"bundle": manifest.name, "version": str(manifest.bundle_version)}
    if kind == "calibration":
        calibration = read_calibration(path)
        return {"calibration": calibration.rule.scale.kind, "models": calibration.fitted_for.models, "digest": calibration.digest}
    station = read_station(path)
    if not elsewhere:
        require_named_files(station)
    return {"station": station.station.name, "camera": station.camera.kind, "digest": station.digest}


def _read_manifest(path: Path) -> Manifest:
    try:
        with path.open("rb") as file:
            return parse_manifest(file.read(MAX_MANIFEST_BYTES))
    except OSError as err:
        msg = f"manifest {path} cannot be read ({err.strerror}): give the manifest.json of a bundle"
        raise ManifestError(msg) from err


def _schema(options: argparse.Namespace) -> int:
    print(json.dumps(SCHEMAS[options.kind].model_json_schema(), indent=2))
    return DONE


def _new(options: argparse.Namespace) -> int:
    text = station_text(options.name, camera=options.camera)
    if options.out is None:
        print(text, end="")
        return DONE
    if options.out.exists():
        print(f"kotoba-config: {options.out} already exists: give the name of a new file", file=sys.stderr)
        return FAILED
    try:
        write_atomic(options.out, text.encode())
    except OSError as err:
        print(f"kotoba-config: {options.out} cannot be written ({err.strerror}): give another path", file=sys.stderr)
        return FAILED
    return DONE


def _station_name(text: str) -> str:
    """Parse a station name, with the rule of the station file."""
    try:
        return Identity(name=text, path="enterprise").name
    except ValidationError as err:
        raise argparse.ArgumentTypeError(first_mistake(err)) from err


if __name__ == "__main__":
    sys.exit(main())
