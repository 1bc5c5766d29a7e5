"""`kotoba-config new`: write the station file of a new inspection point."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from firmware_config.calibration import Calibration
from firmware_config.errors import ConfigError, StationError
from firmware_config.exit_codes import BAD_CONFIG, DONE, FAILED, WRONG_USAGE
from firmware_config.new_station import (
    ADDRESSES,
    BROKER_HELP,
    CAMERA_HELP,
    PATH_HELP,
    Answers,
    broker_of,
    camera_of,
    site_path_of,
    station_text,
)
from firmware_config.obstacles import obstacles
from firmware_config.settings import BoxSettings, read_settings
from firmware_config.signed_bundle import SignedBundle, open_signed_bundle
from firmware_config.station import Identity, Station, parse_station
from firmware_config.station_template import read_template_station, template_path
from firmware_config.stations_of_a_box import require_named_files
from firmware_config.verbs import Verbs, add_verb
from firmware_config.write import write_atomic

Ask = Callable[[str], str]
"""Puts a question to a person and gives the answer.

Raises:
    EOFError: the person gave none.
"""

_Answer = TypeVar("_Answer")


def register(verbs: Verbs) -> None:
    """Add the verb."""
    new = add_verb(
        verbs,
        "new",
        summary="Write the commented station file of a new inspection point, which judges as its bundle's maker meant.",
        details="Labels, words and judging come from the bundle's station template. What the options do not say is asked on a terminal. "
        "Without --bundle a blank file is written, with placeholders.",
        example="kotoba-config new cell-01 --bundle /var/lib/kotoba/bundle --camera rtsp://camera/1 --path plant/line1 --broker localhost "
        "--out cell-01.toml",
    )
    new.add_argument("name", type=_argument(_station_name), metavar="NAME", help="The name of the station: letters, digits, - and _.")
    new.add_argument("--bundle", type=Path, metavar="DIR", help="The folder of the bundle whose station template is taken. Default: none.")
    keys = BoxSettings.model_fields["keys"].default
    new.add_argument(
        "--keys",
        type=Path,
        metavar="DIR",
        help=f"The folder of trusted public keys (*.pub). Default: the environment variable KOTOBA_KEYS, else {keys}.",
    )
    new.add_argument("--camera", type=_argument(camera_of), metavar="CAMERA", help=f"The camera: {CAMERA_HELP}.")
    new.add_argument("--path", type=_argument(site_path_of), metavar="PATH", help=f"{PATH_HELP[0].upper()}{PATH_HELP[1:]}.")
    new.add_argument("--broker", type=_argument(broker_of), metavar="HOST[:PORT]", help=f"{BROKER_HELP[0].upper()}{BROKER_HELP[1:]}.")
    new.add_argument("--language", choices=("ja", "en"), help="The language of the operator. Default: en.")
    new.add_argument("--out", type=Path, metavar="FILE", help="The file to write; it must not exist. Default: stdout.")
    new.set_defaults(command=_new)


def new_station(options: argparse.Namespace, *, ask: Ask | None) -> int:
    """Write the file, or print it; returns the exit code. Without `ask`, what is missing is told instead of asked."""
    if options.out is not None and options.out.exists():
        return _refused(f"{options.out} already exists: give the name of a new file", FAILED)
    try:
        bundle = None if options.bundle is None else open_signed_bundle(options.bundle, keys=options.keys or read_settings().keys)
        template, calibration = (None, None) if bundle is None else read_template_station(bundle)
        answers = Answers(camera=options.camera, path=options.path, broker=options.broker, language=options.language)
        if bundle is not None and ask is not None:
            answers = asked(answers, ask)
        if bundle is not None and answers.missing:
            wanted = "; ".join(f"{option} is {text}" for option, text in answers.missing.items())
            return _refused(
                f"station {options.name} needs {', '.join(answers.missing)}, which a terminal would ask for: {wanted}", WRONG_USAGE
            )
        text = station_text(options.name, answers, template)
        station = parse_station(text.encode(), source=str(options.out))
        _put(text, options.out)
    except ConfigError as err:
        return _refused(str(err), BAD_CONFIG)
    except OSError as err:
        return _refused(f"{options.out} cannot be written ({err.strerror}): give another path", FAILED)
    if options.out is not None:
        origin = "without a bundle" if bundle is None else f"from {template_path(bundle.manifest)} of bundle {bundle.manifest.name}"
        print(f"{options.out}: station {options.name} written {origin}, camera {station.camera.kind}")
    for note in _notes(station, bundle, calibration):
        print(f"kotoba-config: {note}", file=sys.stderr)
    return DONE


def asked(answers: Answers, ask: Ask) -> Answers:
    """Ask for what is missing, each again until the answer is understood; stops where a person gives none."""
    try:
        if "--camera" in answers.missing:
            answers = replace(answers, camera=_understood(ask, f"camera ({CAMERA_HELP})", _camera_with_address))
        if "--path" in answers.missing:
            answers = replace(answers, path=_understood(ask, PATH_HELP, site_path_of))
        if "--broker" in answers.missing:
            answers = replace(answers, broker=_understood(ask, BROKER_HELP, broker_of))
    except EOFError:
        pass
    return answers


def _new(options: argparse.Namespace) -> int:
    try:
        return new_station(options, ask=_ask if sys.stdin.isatty() else None)
    except KeyboardInterrupt:
        return FAILED


def _ask(question: str) -> str:
    print(f"{question}: ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
        raise EOFError
    return answer.strip()


def _understood(ask: Ask, question: str, parse: Callable[[str], _Answer]) -> _Answer:
    while True:
        try:
            return parse(ask(question))
        except ValueError as err:
            print(f"kotoba-config: {err}", file=sys.stderr)


def _camera_with_address(text: str) -> dict[str, Any]:
    camera = camera_of(text)
    if ADDRESSES[camera["kind"]] not in camera:
        msg = f"{text!r} is a kind of camera: give its address, {CAMERA_HELP}"
        raise ValueError(msg)
    return camera


def _put(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="")
    else:
        write_atomic(out, text.encode())


def _notes(station: Station, bundle: SignedBundle | None, calibration: Calibration | None) -> Iterator[str]:
    """What a person must know of the new station, a sentence each."""
    manifest = None if bundle is None else bundle.manifest
    if manifest is not None:
        try:
            require_named_files(station)
        except StationError as err:
            yield str(err)
    for obstacle in obstacles(station, manifest, calibration):
        yield obstacle.told(station)


def _refused(message: str, code: int) -> int:
    print(f"kotoba-config: {message}", file=sys.stderr)
    return code


def _station_name(text: str) -> str:
    try:
        return Identity(name=text, path="enterprise").name
    except ValidationError as err:
        msg = f"{text!r} is no name of a station: give letters, digits, - and _, at most 64"
        raise ValueError(msg) from err


def _argument(parse: Callable[[str], _Answer]) -> Callable[[str], _Answer]:
    """Show argparse's user the reason for which an argument is refused."""

    def parsed(text: str) -> _Answer:
        try:
            return parse(text)
        except ValueError as err:
            raise argparse.ArgumentTypeError(str(err)) from err

    return parsed
