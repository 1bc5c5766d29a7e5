"""The command `kotoba-edge`: run a box, inspect pictures, watch the demo."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from edge.commands import calibrate, explain, learn, rejudge, reproduce, template
from edge.commands.options import (
    add_models_options,
    add_spool_option,
    add_stations_option,
    positive,
    settings_from,
)
from edge.errors import BundleError, CameraError, DeliveryError, EdgeError
from firmware_config.errors import ConfigError, first_mistake
from firmware_config.exit_codes import BAD_CONFIG, DONE, FAILED
from firmware_config.settings import BoxSettings
from firmware_config.version import add_version_option

STATE = Path(".kotoba")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    command: Callable[[argparse.Namespace, BoxSettings], int] = options.command
    try:
        return _written(command, options)
    except ValidationError as err:
        print(f"kotoba-edge: environment variables KOTOBA_*: {first_mistake(err)}", file=sys.stderr)
        return BAD_CONFIG
    except (ConfigError, BundleError, CameraError) as err:
        print(f"kotoba-edge: {err}", file=sys.stderr)
        return BAD_CONFIG
    except EdgeError as err:
        print(f"kotoba-edge: {err}", file=sys.stderr)
        return BAD_CONFIG if isinstance(err, DeliveryError) else FAILED
    except PermissionError as err:
        print(f"kotoba-edge: {err.filename} is not for this user ({err.strerror}): correct the path or the rights", file=sys.stderr)
        return BAD_CONFIG
    except KeyboardInterrupt:
        return FAILED


def _written(command: Callable[[argparse.Namespace, BoxSettings], int], options: argparse.Namespace) -> int:
    """Run a command; if who reads its lines has had enough (`| head`), it is done."""
    try:
        code = command(options, BoxSettings())
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still unwritten must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kotoba-edge", description="A box beside an inspection camera: pictures to words, words to verdicts."
    )
    add_version_option(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="watch real cells being described and judged, each verdict as it arrives over MQTT")
    demo.add_argument("--pictures", type=positive, default=24, metavar="N", help="how many cells (default: %(default)s)")
    demo.add_argument("--forever", action="store_true", help="go on until Ctrl-C")
    demo.add_argument("--language", choices=("en", "ja"), help="default: from LANG")
    demo.add_argument("--bundle", type=Path, default=STATE / "starter", help="default: %(default)s")
    demo.add_argument("--keys", type=Path, default=STATE / "keys", help="default: %(default)s")
    demo.add_argument("--out", type=Path, default=STATE / "demo", help="spool and contact sheet go here (default: %(default)s)")
    demo.set_defaults(command=_demo, quiet=True)

    run = commands.add_parser("run", help="the daemon: all stations of this box, until SIGTERM")
    add_stations_option(run)
    add_spool_option(run)
    run.set_defaults(command=_run, quiet=False)

    inspect = commands.add_parser(
        "inspect", help="the same pipeline over pictures, folders or a video: one JSON line per picture, no broker"
    )
    inspect.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    inspect.add_argument("--station", type=Path, required=True, metavar="FILE")
    inspect.add_argument("--jsonl", type=Path, metavar="OUT", help="write the lines there instead of stdout")
    inspect.set_defaults(command=_inspect, quiet=True)

    doctor = commands.add_parser("doctor", help="say what each part runs on and whether it works; exit 1 when a station could not run")
    add_stations_option(doctor)
    add_spool_option(doctor)
    doctor.add_argument("--json", action="store_true", help="one JSON object on stdout")
    doctor.set_defaults(command=_doctor, quiet=True)
    for command in (run, inspect, doctor):
        add_models_options(command)

    bundle = commands.add_parser("bundle", help="look at bundles").add_subparsers(required=True, metavar="VERB")
    verify = bundle.add_parser("verify", help="check signature, files and headers of a bundle; exit 78 when it is not to be trusted")
    verify.add_argument("bundle", type=Path, metavar="DIR")
    verify.add_argument("--keys", type=Path, metavar="DIR", help="default: the environment variable KOTOBA_KEYS, else /etc/kotoba/keys")
    verify.set_defaults(command=_bundle_verify, quiet=True)

    spool = commands.add_parser("spool", help="look into the queue of verdicts").add_subparsers(required=True, metavar="VERB")
    status = spool.add_parser("status", help="rows, bytes and what waits for which output, as JSON")
    status.set_defaults(command=_spool_status, quiet=True)
    replay = spool.add_parser("replay", help="send a range of a station again")
    replay.add_argument("station")
    replay.add_argument("first", type=positive, metavar="FIRST_SEQ")
    replay.add_argument("last", type=positive, metavar="LAST_SEQ")
    replay.add_argument("--sink", default="mqtt", help="default: %(default)s")
    replay.add_argument("--epoch", help="default: the present one")
    replay.set_defaults(command=_spool_replay, quiet=True)
    for verb in (status, replay):
        add_spool_option(verb)
    calibrate.register(commands)
    for verb_of_words in (explain, reproduce, rejudge, template, learn):
        verb_of_words.register(commands)
    return parser


def _demo(options: argparse.Namespace, _settings: BoxSettings) -> int:
    from edge.demo.run import run_demo

    return run_demo(
        pictures=options.pictures,
        forever=options.forever,
        language=options.language,
        bundle=options.bundle,
        keys=options.keys,
        out=options.out,
    )


def _run(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.daemon.startup import run_box

    run_box(settings_from(options, settings))
    return DONE


def _inspect(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.commands.inspect_paths import inspect_paths

    inspect_paths(options.paths, station_file=options.station, jsonl=options.jsonl, settings=settings_from(options, settings))
    return DONE


def _doctor(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.commands.doctor import examine

    findings = examine(settings_from(options, settings))
    healthy = all(finding.healthy for finding in findings)
    if options.json:
        print(json.dumps({"healthy": healthy, "findings": [finding.as_json() for finding in findings]}, ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.healthy else 'FAIL'} {finding.what}: {finding.said}")
    return DONE if healthy else FAILED


def _bundle_verify(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.bundle.open import open_trusted_bundle

    told = settings.model_copy(update={"keys": options.keys} if options.keys else {})
    bundle = open_trusted_bundle(options.bundle, keys=told.keys)
    manifest = bundle.manifest
    print(f"{options.bundle}: {manifest.name} version {manifest.bundle_version}, {len(manifest.files)} files, {bundle.digest}")
    return DONE


def _spool_status(options: argparse.Namespace, settings: BoxSettings) -> int:
    from contextlib import closing

    from edge.spool.store import Spool

    with closing(Spool(_existing(settings_from(options, settings).spool))) as spool:
        status = spool.status()
    backlog = [{"sink": sink, "station": station, "rows": rows} for (sink, station), rows in status.backlog.items()]
    print(json.dumps({"epoch": status.epoch, "rows": status.rows, "used_bytes": status.used_bytes, "backlog": backlog}))
    return DONE


def _spool_replay(options: argparse.Namespace, settings: BoxSettings) -> int:
    from contextlib import closing

    from edge.spool.store import Spool

    with closing(Spool(_existing(settings_from(options, settings).spool))) as spool:
        count = spool.replay(options.sink, options.station, options.first, options.last, epoch=options.epoch)
    wanted = options.last - options.first + 1
    print(f"{count} of {wanted} inspections of {options.station} will be sent again by {options.sink}")
    return DONE if count == wanted else FAILED


def _existing(spool: Path) -> Path:
    if not spool.is_file():
        msg = f"spool {spool} does not exist: give the file of a box that has run (--spool or KOTOBA_SPOOL)"
        raise EdgeError(msg)
    return spool


if __name__ == "__main__":
    sys.exit(main())
