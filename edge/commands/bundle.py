"""`kotoba-edge bundle verify`: is a bundle whole, and signed by a trusted key?"""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.commands.options import Commands, add_command, add_group, add_keys_option, settings_from
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings


def register(commands: Commands) -> None:
    """Add the verb."""
    verify = add_command(
        add_group(commands, "bundle", summary="Check bundles."),
        "verify",
        summary="Check the signature, the files and the model headers of a bundle.",
        details="The exit code is 78 when the bundle must not be trusted. No model is loaded.",
        example="kotoba-edge bundle verify /var/lib/kotoba/bundle",
        run=_verify,
    )
    verify.add_argument("bundle", type=Path, metavar="DIR", help="The folder of the bundle.")
    add_keys_option(verify)


def _verify(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.bundle.open import open_trusted_bundle

    box = settings_from(options, settings)
    bundle = open_trusted_bundle(box.bundle, keys=box.keys)
    manifest = bundle.manifest
    print(f"{box.bundle}: {manifest.name} version {manifest.bundle_version}, {len(manifest.files)} files, {bundle.digest}")
    return DONE
