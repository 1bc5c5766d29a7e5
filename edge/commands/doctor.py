"""`kotoba-edge doctor`: what each part of the box runs on, what it costs, and whether it works."""

from __future__ import annotations

import argparse
import json
import sys

from edge.commands.options import Commands, add_command, add_models_options, add_spool_option, add_stations_option, positive, settings_from
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.settings import BoxSettings

BENCH_S = 60
"""For `--bench`: enough for some ten pictures of each way on two cores."""


def register(commands: Commands) -> None:
    """Add the verb."""
    doctor = add_command(
        commands,
        "doctor",
        summary="Try each part of the box as the daemon would use it, and print what it runs on, what it costs, or why it fails.",
        details="The parts are clock, machine, board, bundle, stations, spool, disk, evidence, models, time, memory, energy, cameras and "
        "outputs. A line that begins with `hint` says what the box could do instead. The exit code is 1 if a part fails. A station that "
        "can never say OK runs all the same: that is a warning, with the reason.",
        example="kotoba-edge doctor --stations /etc/kotoba/stations --bundle /var/lib/kotoba/bundle",
        run=_doctor,
    )
    add_stations_option(doctor)
    add_spool_option(doctor)
    add_models_options(doctor)
    doctor.add_argument("--json", action="store_true", help="Print one JSON object.")
    doctor.add_argument(
        "--bench",
        action="store_true",
        help="Instead run the golden pictures of the bundle in each way that this machine allows (threads, judge, providers), and suggest "
        "a board file. Beside a running daemon it has low priority: verdicts take somewhat longer, and the models are in memory twice.",
    )
    doctor.add_argument("--seconds", type=positive, metavar="N", help=f"Time for --bench in seconds. Default: {BENCH_S}.")


def _doctor(options: argparse.Namespace, settings: BoxSettings) -> int:
    settings = settings_from(options, settings)
    if options.bench:
        return _bench(settings, seconds=options.seconds or BENCH_S, as_object=options.json)
    if options.seconds is not None:
        options.wrong_usage("--seconds is the time of --bench: give both, or neither")
    from edge.examination.examine import examine

    _say("trying each part of the box, which takes some seconds ...")
    examined = examine(settings)
    healthy = all(finding.healthy for finding in examined.findings)
    if options.json:
        told = [
            {"part": one.part, "healthy": one.healthy, "level": one.level.value.lower(), "detail": one.detail} for one in examined.findings
        ]
        measured = None if examined.measured is None else examined.measured.model_dump(mode="json", exclude={"scored"})
        print(json.dumps({"healthy": healthy, "findings": told, "measured": measured}, ensure_ascii=False))
    else:
        for finding in examined.findings:
            print(f"{finding.level.value:4} {finding.part}: {finding.detail}")
    return DONE if healthy else FAILED


def _bench(settings: BoxSettings, *, seconds: int, as_object: bool) -> int:
    from edge.examination.bench import bench
    from edge.examination.table import as_json, told

    made = bench(settings, seconds=seconds, on_start=lambda name: _say(f"measuring {name} ..."))
    if as_object:
        print(json.dumps(as_json(made), ensure_ascii=False))
    else:
        for line in told(made):
            print(line)
    return DONE


def _say(what: str) -> None:
    """Say on a terminal what a person waits for."""
    if sys.stderr.isatty():
        print(what, file=sys.stderr)
