"""`kotoba-edge doctor`: what each part of the box runs on, and whether it works."""

from __future__ import annotations

import argparse
import json

from edge.commands.options import Commands, add_command, add_models_options, add_spool_option, add_stations_option, settings_from
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.settings import BoxSettings


def register(commands: Commands) -> None:
    """Add the verb."""
    doctor = add_command(
        commands,
        "doctor",
        summary="Try each part of the box as the daemon would use it, and print what it runs on or why it fails.",
        details="The parts are clock, board, bundle, stations, spool, disk, evidence, models, cameras and outputs. "
        "The exit code is 1 if one fails. A station that can never say OK runs all the same: that is a warning, with the reason.",
        example="kotoba-edge doctor --stations /etc/kotoba/stations --bundle /var/lib/kotoba/bundle",
        run=_doctor,
    )
    add_stations_option(doctor)
    add_spool_option(doctor)
    add_models_options(doctor)
    doctor.add_argument("--json", action="store_true", help="Print one JSON object.")


def _doctor(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.commands.examination import examine

    findings = examine(settings_from(options, settings))
    healthy = all(finding.healthy for finding in findings)
    if options.json:
        told = [{"part": one.part, "healthy": one.healthy, "level": one.level.value.lower(), "detail": one.detail} for one in findings]
        print(json.dumps({"healthy": healthy, "findings": told}, ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{finding.level.value:4} {finding.part}: {finding.detail}")
    return DONE if healthy else FAILED
