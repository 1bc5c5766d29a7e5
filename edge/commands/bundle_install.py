"""`kotoba-edge bundle install`: a bundle from a stick into the slot that does not run."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.options import Commands, add_command, add_keys_option, add_slots_option, add_spool_option, settings_from
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings

if TYPE_CHECKING:
    from edge.bundle.open import Bundle
    from firmware_config.bundle import Manifest

log = logging.getLogger(__name__)


def register_install(group: Commands) -> None:
    """Add the verb."""
    install = add_command(
        group,
        "install",
        summary="Check a bundle and put it into the slot that does not run.",
        details="What runs is not touched. The signature, every digest and the headers of the models are checked first; then each model is "
        "opened once in a process of its own, with limits on memory and time. Keys that the bundle carries are trusted from then on. "
        "Nothing is tried before `kotoba-edge bundle activate`.",
        example="kotoba-edge bundle install /media/stick/cells-7.kbundle",
        run=_install,
        quiet=False,
    )
    install.add_argument("source", type=Path, metavar="BUNDLE", help="Its .kbundle file or its folder.")
    install.add_argument("--downgrade", action="store_true", help="Take it though this box has run a newer version of it.")
    install.add_argument("--reason", metavar="TEXT", help="Why an older bundle is taken, in one sentence; it is kept in the history.")
    add_slots_option(install)
    add_keys_option(install)
    add_spool_option(install)


def _install(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.slots.carried_keys import add_keys, new_keys, require_writable
    from edge.slots.open import slots_of
    from edge.slots.parse import parse_in_child
    from edge.slots.room import require_room
    from edge.slots.slots import Downgrade
    from firmware_config.signature import read_trusted_keys

    if options.downgrade != bool(options.reason):
        options.wrong_usage("--downgrade and --reason TEXT go together: an older bundle is taken for a reason")
    box = settings_from(options, settings)
    slots, trusted = slots_of(box), read_trusted_keys(box.keys)
    carried: dict[str, bytes] = {}
    has_room = require_room(box, slots.root)

    def require(manifest: Manifest) -> None:
        carried.update(new_keys(manifest, slots.trusted(trusted, pending=True)))
        require_writable(box.keys, carried)
        has_room(manifest)

    def prove(bundle: Bundle) -> int:
        _say("opening each model in a process of its own")
        needed_mb = parse_in_child(bundle)
        add_keys(box.keys, carried)
        return needed_mb

    _say("checking the signature and every file")
    downgrade = Downgrade(options.reason) if options.downgrade else None
    name, slot = slots.install(options.source, trusted=trusted, downgrade=downgrade, require=require, prove=prove)
    _say("")
    log.warning("bundle installed slot=%s bundle=%s digest=%s reason=%r uid=%d", name, slot, slot.digest, slot.downgrade, os.getuid())
    for key in carried:
        slots.note_key(key, name)
        log.warning("key trusted key=%s carried_by=%s uid=%d", key, slot, os.getuid())
        print(f"key {key} is trusted from now on: {slot} carries it, and key {slot.key_id} has signed that")
    for key in slot.revokes:
        print(f"key {key} is revoked: nothing that it signs is installed, and nothing runs with it once {slot} runs")
    print(f"slot {name}: {slot} is installed: let it be tried with `kotoba-edge bundle activate`")
    return DONE


def _say(what: str) -> None:
    """A line of progress on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)
