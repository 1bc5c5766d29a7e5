"""The command `kotoba-config`: check, explain and start the files that tell a device what it is."""

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
from firmware_config.version import add_version_option
from firmware_config.write import write_atomic

SCHEMAS: dict[str, type[BaseModel]] = {"station": Station, "board": Board, "manifest": Manifest, "calibration": Calibration}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kotoba-config", description="Check, explain and start the files that tell a device what it is.")
    add_version_option(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="say whether files are understood; exit 78 when one is not")
    check.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder of .toml files")
    check.add_argument("--kind", choices=SCHEMAS, default="station", help="what the files are (default: station)")
    check.add_argument("--elsewhere", action="store_true", help="the files are for another machine: do not look for what they name")
    check.add_argument("--json", action="store_true", help="one JSON line per file on stdout")
    check.set_defaults(command=_check)

    schema = commands.add_parser("schema", help="print the JSON Schema of a kind of file")
    schema.add_argument("kind", choices=SCHEMAS)
    schema.set_defaults(command=_schema)

    new = commands.add_parser("new", help="write a commented station file")
    new.add_argument("name", type=_station_name, metavar="NAME", help="letters, digits, - and _")
    new.add_argument("--camera", choices=CAMERAS, default="folder")
    new.add_argument("--out", type=Path, metavar="FILE", help="a file that does not exist yet (default: stdout)")
    new.set_defaults(command=_new)
    return parser


def _check(options: argparse.Namespace) -> int:
    code = DONE
    for path in _files(options.paths):
        fault: str | None = None
        try:
            said = _read(path, kind=options.kind, elsewhere=options.elsewhere)
        except ConfigError as err:
            code, fault = BAD_CONFIG, str(err)
            said = {}
        if options.json:
            print(json.dumps({"path": str(path), "ok": fault is None, "error": fault, **said}, ensure_ascii=False))
        elif fault is None:
            print(f"{path}: understood, " + ", ".join(f"{key} {value}" for key, value in said.items()))
        else:
            print(f"kotoba-config: {fault}", file=sys.stderr)
    return code


def _files(paths: Sequence[Path]) -> list[Path]:
    """Folders to the .toml files in them; a folder without any stands for itself, so that it is not passed over in silence."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob("*.toml")) or [path] if path.is_dir() else [path]
    return files


def _read(path: Path, *, kind: str, elsewhere: bool) -> dict[str, str]:
    """Read one file and say what it is.

    Raises:
        ConfigError: the file is not understood.
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
    """Refuse a name that the station file itself would refuse."""
    try:
        return Identity(name=text, path="enterprise").name
    except ValidationError as err:
        raise argparse.ArgumentTypeError(first_mistake(err)) from err


if __name__ == "__main__":
    sys.exit(main())
