"""The command `kotoba-edge`: reads the command line, runs the verb, turns errors into one sentence and an exit code."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from edge.commands import (
    backup,
    bundle,
    calibrate,
    consume,
    demo,
    doctor,
    drift,
    explain,
    inspect_paths,
    learn,
    measure,
    rejudge,
    reproduce,
    review,
    run,
    spool,
    template,
)
from edge.commands.log_format import write_log
from edge.commands.options import Run
from edge.errors import BundleError, CameraError, DeliveryError, EdgeError, FamiliarityError
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import BAD_CONFIG, DONE, FAILED
from firmware_config.settings import BoxSettings, read_settings
from firmware_config.verbs import exit_codes_of, print_any_name
from firmware_config.version import add_version_option

log = logging.getLogger("kotoba-edge")

VERBS = (
    demo, run, inspect_paths, doctor, bundle, spool, backup, consume, measure, calibrate, drift, explain, reproduce, rejudge, template,
    review, learn,
)  # fmt: skip
"""In the order in which `kotoba-edge --help` lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (firmware_config/exit_codes.py)."""
    print_any_name()
    options = parser().parse_args(arguments)
    try:
        settings = read_settings()
    except ConfigError as err:
        print(f"kotoba-edge: {err}", file=sys.stderr)
        return BAD_CONFIG
    log_format = getattr(options, "log_format", None) or settings.log_format
    is_json = log_format == "json" and not options.quiet
    write_log(is_json=is_json, level=logging.WARNING if options.quiet else logging.INFO)
    try:
        return _run(options.command, options, settings)
    except (ConfigError, BundleError, CameraError, DeliveryError, FamiliarityError) as err:
        code, sentence = BAD_CONFIG, str(err)
    except EdgeError as err:
        code, sentence = FAILED, str(err)
    except PermissionError as err:
        code, sentence = BAD_CONFIG, f"opening {err.filename}: {err.strerror}: correct the path or the file's permissions"
    except KeyboardInterrupt:
        return FAILED
    if is_json:
        log.error("%s", sentence)
    else:
        print(f"kotoba-edge: {sentence}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """The command line of `kotoba-edge`."""
    command_line = argparse.ArgumentParser(
        prog="kotoba-edge",
        description="Turn the pictures of inspection cameras into words, and the words into verdicts.",
        epilog=exit_codes_of("kotoba-edge"),
    )
    add_version_option(command_line)
    commands = command_line.add_subparsers(required=True, metavar="COMMAND")
    for verb in VERBS:
        verb.register(commands)
    return command_line


def _run(command: Run, options: argparse.Namespace, settings: BoxSettings) -> int:
    """Run a verb. It is done when the reader of its output closes the pipe, as `| head` does."""
    try:
        code = command(options, settings)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout again when it ends; that must not fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code


if __name__ == "__main__":
    sys.exit(main())
