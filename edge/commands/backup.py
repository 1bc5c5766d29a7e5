"""`kotoba-edge backup` and `kotoba-edge restore`: a box in one file, and a box from it."""

from __future__ import annotations

import argparse
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.options import Commands, add_bundle_options, add_command, add_spool_option, add_stations_option, settings_from
from edge.errors import BackupError
from firmware_config.exit_codes import DONE, WRONG_USAGE
from firmware_config.settings import BoxSettings

if TYPE_CHECKING:
    from edge.backup.manifest import BackupManifest


def register(commands: Commands) -> None:
    """Add the verbs."""
    backup = add_command(
        commands,
        "backup",
        summary="Keep this box in one file: settings, stations, public keys, calibrations, lessons, answers and its spool.",
        details="The daemon may run: the spool is copied as it is at one moment. Secrets and kept pictures are left out, and so are the "
        "bundles without --with-bundles; the file says which bundle the box ran. Keep it as safe as the keys: a box trusts what is "
        "restored.",
        example="kotoba-edge backup /media/stick/press-3.backup",
        run=_backup,
        quiet=False,
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="The file to write; it must not exist.")
    backup.add_argument("--with-bundles", action="store_true", help="Keep the bundles too, which takes as many MB as they have.")
    restore = add_command(
        commands,
        "restore",
        summary="Make this box the one that a backup was taken of.",
        details="The daemon must not run. All of the file is checked before anything is written. What is in the way is named, and nothing "
        "is written without --replace; then it is moved aside, never deleted. The spool goes on under a new epoch, because the box of the "
        "backup may have gone on too. Run it as the user of the service or as root.",
        example="kotoba-edge restore /media/stick/press-3.backup",
        run=_restore,
        quiet=False,
    )
    restore.add_argument("file", nargs="?", type=Path, metavar="FILE", help="A file that `kotoba-edge backup` has written.")
    restore.add_argument("--replace", action="store_true", help="Move what is in the way aside.")
    restore.add_argument("--check", action="store_true", help="Check the file and say what it holds; write nothing.")
    restore.add_argument("--finish", action="store_true", help="Finish a restore that was interrupted, and do nothing else.")
    for verb in (backup, restore):
        add_stations_option(verb)
        add_spool_option(verb)
        add_bundle_options(verb)


def _backup(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.backup.pack import back_up

    manifest = back_up(settings_from(options, settings), options.file, with_bundles=options.with_bundles, now=datetime.now(timezone.utc))
    rows = "no spool" if manifest.epoch is None else f"a spool of {manifest.rows} verdicts in epoch {manifest.epoch}"
    bundle = "no bundle" if manifest.bundle is None else f"bundle {manifest.bundle.name} version {manifest.bundle.version}"
    held = "kept too" if manifest.has_bundles else "not kept itself"
    print(f"{options.file}: box {manifest.box}, {len(manifest.entries)} files, {rows}, {bundle} ({held})")
    for path in manifest.left_out:
        print(f"kotoba-edge: left out, keep it yourself: {path}", file=sys.stderr)
    return DONE


def _restore(options: argparse.Namespace, settings: BoxSettings) -> int:
    from edge.backup.open import opened_backup
    from edge.backup.restore import Restored, finish, in_the_way, restore

    box = settings_from(options, settings)
    if (options.file is None) != options.finish:
        print("kotoba-edge: restore takes a FILE, or --finish without one: give one of them", file=sys.stderr)
        return WRONG_USAGE

    def tell(done: Restored) -> None:
        spool = "" if done.epoch is None else f", the spool goes on in epoch {done.epoch}"
        aside = "" if done.aside is None else f"; what was there before is in {done.aside}"
        print(f"{done.files} files restored{spool}{aside}")

    done = None if options.check else finish(box)
    if options.finish:
        if done is None:
            print("no restore was interrupted: nothing to do")
        else:
            tell(done)
        return DONE
    if done is not None:
        tell(done)
        print("kotoba-edge: an interrupted restore was finished, and nothing else was done: run the command again", file=sys.stderr)
        return DONE
    with opened_backup(options.file) as backup:
        manifest, blocking = backup.manifest, in_the_way(backup, box)
        print(f"{options.file}: box {manifest.box} of {manifest.made_at:%Y-%m-%d %H:%M} UTC, {len(manifest.entries)} files, all as written")
        if options.check:
            return DONE
        if blocking and not options.replace:
            named = ", ".join(map(str, blocking))
            msg = f"restoring {options.file}: in the way: {named}: nothing is written; give --replace to move these aside"
            raise BackupError(msg)
        tell(restore(backup, box, now=datetime.now(timezone.utc), new_epoch=lambda: uuid.uuid4().hex))
    _tell_what_is_left(manifest)
    return DONE


def _tell_what_is_left(manifest: BackupManifest) -> None:
    """What a person must still do after a restore, a line each."""
    for path in manifest.left_out:
        print(f"kotoba-edge: not in the backup, put it in place: {path}", file=sys.stderr)
    if any(entry.kind == "settings" and entry.name == "box.toml" for entry in manifest.entries):
        print("kotoba-edge: make the system files of box.toml: `kotoba-config render`, then `kotoba-config apply`", file=sys.stderr)
    if manifest.bundle is not None and not manifest.has_bundles:
        name = f"{manifest.bundle.name} version {manifest.bundle.version}, {manifest.bundle.digest}"
        print(f"kotoba-edge: the bundle is not in the backup, install it with `kotoba-edge bundle install`: {name}", file=sys.stderr)
