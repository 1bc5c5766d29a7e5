"""`kotoba-edge bundle`: bring a bundle onto this box, ask for its trial, go back, and look at what there is."""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from pathlib import Path

from edge.commands.bundle_install import register_install
from edge.commands.bundle_list import register_list
from edge.commands.bundle_try import register_try
from edge.commands.history_options import with_progress
from edge.commands.options import (
    Commands,
    add_command,
    add_group,
    add_keys_option,
    add_slots_option,
    add_spool_option,
    settings_from,
)
from edge.errors import BundleError
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

log = logging.getLogger(__name__)

EXAMPLE_FOLDER = "/var/lib/kotoba/bundle"


def register(commands: Commands) -> None:
    """Add the verbs."""
    group = add_group(commands, "bundle", summary="Install bundles, let them be tried, and go back.")
    register_install(group)
    _register_steps(group)
    register_try(group)
    register_list(group)
    verify = add_command(
        group,
        "verify",
        summary="Check the signature, the files and the model headers of a bundle.",
        details="The exit code is 78 when the bundle must not be trusted. No model is loaded.",
        example=f"kotoba-edge bundle verify {EXAMPLE_FOLDER}",
        run=_verify,
    )
    verify.add_argument(
        "source", type=Path, nargs="?", metavar="BUNDLE", help="Its folder or its .kbundle file. Default: the bundle that this box runs."
    )
    allow = add_command(
        group,
        "allow-older",
        summary="Let this box run a bundle in a plain folder though it has run a newer version of it.",
        details="A box refuses a bundle that is older than one it has run, so that nobody brings back what was mended. This command makes "
        "the given version the oldest that it takes. It checks the bundle first, and writes who allowed what to the log. Bundle slots "
        "have `kotoba-edge bundle rollback` and `kotoba-edge bundle install --downgrade` for this.",
        example=f"kotoba-edge bundle allow-older {EXAMPLE_FOLDER}",
        run=_allow_older,
        quiet=False,
    )
    allow.add_argument("bundle", type=Path, metavar="DIR", help="The folder of the older bundle.")
    for verb in (verify, allow):
        add_keys_option(verb)
        add_spool_option(verb)
    add_slots_option(verify)


def _register_steps(group: Commands) -> None:
    activate = add_command(
        group,
        "activate",
        summary="Ask for the trial of an installed bundle.",
        details="The daemon loads it beside the bundle that runs, lets it give the golden verdicts, and shows it live pictures in "
        "shadow. It runs when it has held; else the box goes back by itself and says why. Where no bundle runs yet, its golden verdicts "
        "are reproduced at once, and it runs from the next start.",
        example="kotoba-edge bundle activate",
        run=_activate,
        quiet=False,
    )
    activate.add_argument("slot", nargs="?", choices=("a", "b"), help="The slot. Default: the one that does not run.")
    activate.add_argument("--board", metavar="NAME", help="The board profile, for the first bundle. Default: KOTOBA_BOARD, else cpu.")
    rollback = add_command(
        group,
        "rollback",
        summary="Let the bundle run that ran before, or end a trial.",
        example='kotoba-edge bundle rollback --reason "it overlooks scratches"',
        run=_rollback,
        quiet=False,
    )
    rollback.add_argument("--reason", required=True, metavar="TEXT", help="Why, in one sentence; it is kept in the history.")
    for verb in (activate, rollback):
        add_slots_option(verb)
        add_keys_option(verb)
        add_spool_option(verb)


def _verify(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.bundle.archive import unpack
    from edge.bundle.open import open_bundle
    from edge.slots.open import bundle_folder, trusted_keys

    box = settings_from(options, settings)
    source, trusted = options.source or bundle_folder(box), trusted_keys(box)
    if source.is_dir() or not source.exists():
        bundle = open_bundle(source, trusted=trusted)
    else:
        with tempfile.TemporaryDirectory() as folder:
            bundle = unpack(source, Path(folder) / "bundle", trusted=trusted)
    manifest = bundle.manifest
    print(f"{source}: {manifest.name} version {manifest.bundle_version}, {len(manifest.files)} files, {bundle.digest}")
    return DONE


def _activate(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.bundle.open import open_bundle
    from edge.slots.golden import require_golden_verdicts
    from edge.slots.open import slots_of
    from edge.slots.steps import asked
    from firmware_config.board import read_board
    from firmware_config.signature import read_trusted_keys

    box = settings_from(options, settings)
    slots = slots_of(box)
    state = slots.read()
    wished = asked(state, options.slot, now=slots.now())
    name = wished.wanted or wished.running
    bundle = open_bundle(slots.path(name or "a"), trusted=slots.trusted(read_trusted_keys(box.keys), pending=True))
    if state.running is None:
        count = require_golden_verdicts(
            bundle, board=read_board(box.board), progress=lambda golden: with_progress(golden, total=len(golden))
        )
        print(f"{bundle.manifest.name} version {bundle.manifest.bundle_version}: {count} golden verdicts are the same on this box")
    name = slots.ask(options.slot)
    slot = slots.read().slot(name)
    log.warning("bundle activated slot=%s bundle=%s digest=%s uid=%d", name, slot, bundle.digest, os.getuid())
    if state.running is None:
        print(f"slot {name}: {slot} runs from the next start of the daemon: systemctl restart kotoba-edge")
    else:
        print(f"slot {name}: the daemon tries {slot} now beside what runs: `kotoba-edge bundle list` says how far it is")
    if "bundle" in settings.model_fields_set:
        print(f"KOTOBA_BUNDLE names {settings.bundle}: the daemon runs that folder and no slot until it is unset")
    return DONE


def _rollback(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.bundle.open import open_bundle
    from edge.slots.open import slots_of
    from edge.slots.steps import rolled_back
    from firmware_config.signature import read_trusted_keys

    box = settings_from(options, settings)
    slots = slots_of(box)
    before = slots.read()
    wished = rolled_back(before, options.reason, now=slots.now())
    if wished.running is not None and wished.running != before.running:
        open_bundle(slots.path(wished.running), trusted=slots.trusted(read_trusted_keys(box.keys)))
    name = slots.rollback(options.reason)
    if name is None:
        msg = f"going back in {slots.root}: no bundle runs: activate one with `kotoba-edge bundle activate`"
        raise BundleError(msg)
    slot = slots.read().slot(name)
    log.warning("bundle rollback slot=%s bundle=%s reason=%r uid=%d", name, slot, options.reason, os.getuid())
    print(f"slot {name}: {slot} runs again" if name != before.running else f"slot {name}: {slot} goes on, the trial is ended")
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
