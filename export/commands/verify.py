"""`kotoba-export verify`: check the signature, the files and the golden verdicts of a bundle with the code of the device."""

from __future__ import annotations

import argparse

from export.commands.options import Commands, Progress, add_bundle_argument, add_command, add_keys_option
from export.errors import BuildError
from firmware_config.board import read_board
from firmware_config.exit_codes import DONE
from firmware_config.signature import read_trusted_keys


def register(commands: Commands) -> None:
    """Add the verb."""
    verify = add_command(
        commands,
        "verify",
        summary="Verify a bundle: its signature, its files and its golden verdicts on this machine.",
        details="The exit code is 1 if a golden verdict differs.",
        example="kotoba-export verify .kotoba/starter",
        run=_verify,
    )
    add_bundle_argument(verify)
    add_keys_option(verify)


def _verify(options: argparse.Namespace) -> int:
    from export.bundle.verify import golden_table, opened, unexpected, verify_golden

    trusted = read_trusted_keys(options.keys)
    with Progress() as report, opened(options.bundle, trusted=trusted) as bundle:
        verified = verify_golden(bundle, board=read_board(options.board), report=report)
    golden, labels = bundle.manifest.golden, verified.labels
    print(golden_table(golden, labels, verified.comparisons), end="\n\n")
    different = sum(not comparison.is_same for comparison in verified.comparisons)
    if different:
        msg = f"{different} of {len(golden)} golden verdicts of {options.bundle} differ on this machine: build the bundle here"
        raise BuildError(msg)
    verdicts = f"{len(golden)} golden verdicts ({len(unexpected(golden, labels))} NOT as expected)"
    print(f"{options.bundle}: verified signature, {len(bundle.manifest.files)} files and {verdicts}, {bundle.digest}")
    return DONE
