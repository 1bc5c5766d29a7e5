"""`kotoba-edge run`: the daemon."""

from __future__ import annotations

import argparse

from edge.commands.options import (
    Commands,
    add_command,
    add_log_format_option,
    add_models_options,
    add_spool_option,
    add_stations_option,
    settings_from,
)
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings


def register(commands: Commands) -> None:
    """Add the verb."""
    run = add_command(
        commands,
        "run",
        summary="Run the daemon: inspect at all stations of this box until SIGTERM.",
        details="The systemd unit starts this command. It logs to stderr. SIGHUP takes over changed station files: all of them, or none "
        "where one is wrong.",
        example="kotoba-edge run --stations /etc/kotoba/stations --bundle /var/lib/kotoba/bundle",
        run=_run,
        quiet=False,
    )
    add_stations_option(run)
    add_spool_option(run)
    add_models_options(run)
    add_log_format_option(run)


def _run(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.daemon.startup import run_box

    run_box(settings_from(options, settings))
    return DONE
