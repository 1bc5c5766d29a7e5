"""`kotoba-edge bundle`: is a bundle whole, and signed by a trusted key? And going back to an older one on purpose."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from edge.commands.options import Commands, add_command, add_group, add_keys_option, add_spool_option, settings_from
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

log = logging.getLogger(__name__)


def register(commands: Commands) -> None:
    """Add the verb."""
    group = add_group(commands, "bundle", summary="Check bundles, and go back to an older one.")
    verify = add_command(
        group,
        "verify",
        summary="Check the signature, the files and the model headers of a bundle.",
        details="The exit code is 78 when the bundle must not be trusted. No model is loaded.",
        example="kotoba-edge bundle verify /var/lib/kotoba/bundle",
        run=_verify,
    )
    verify.add_argument("bundle", type=Path, metavar="DIR", help="The folder of the bundle.")
    add_keys_option(verify)
    allow = add_command(
        group,
        "allow-older",
        summary="Let this box run a bundle though it has run a newer version of it.",
        details="A box refuses a bundle that is older than one it has run, so that nobody brings back what was mended. This command makes "
        "the given version the oldest that it takes. It checks the bundle first, and writes who allowed what to the log.",
        example="kotoba-edge bundle allow-older /var/lib/kotoba/bundle",
        run=_allow_older,
        quiet=False,
    )
    allow.add_argument("bundle", type=Path, metavar="DIR", help="The folder of the older bundle.")
    add_keys_option(allow)
    add_spool_option(allow)


def _verify(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.bundle.open import open_trusted_bundle

    box = settings_from(options, settings)
    bundle = open_trusted_bundle(box.bundle, keys=box.keys)
    manifest = bundle.manifest
    print(f"{box.bundle}: {manifest.name} version {manifest.bundle_version}, {len(manifest.files)} files, {bundle.digest}")
    return DONE


def _allow_older(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.bundle.open import open_trusted_bundle

    box = settings_from(options, settings)
    manifest = open_trusted_bundle(box.bundle, keys=box.keys).manifest
    before = AcceptedBundles.beside(box.spool).allow(manifest)
    if before <= manifest.bundle_version:
        print(f"{box.bundle}: {manifest.name} version {manifest.bundle_version} is not older than what this box has run: nothing to allow")
        return DONE
    log.warning("older bundle allowed name=%s version=%d before=%d uid=%d", manifest.name, manifest.bundle_version, before, os.getuid())
    print(f"{box.bundle}: {manifest.name} version {manifest.bundle_version} may run now, though this box has run version {before}")
    return DONE
