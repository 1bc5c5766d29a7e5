"""Makes a box from a backup: prepared whole, then decided by one rename, then carried out however often it is interrupted.

Nothing that was there is deleted: it is moved into the folder before-restore-TIME beside the spool.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge.backup.manifest import ANSWERS, SLOTS_STATE, Entry, base_of, place_of
from edge.backup.open import Backup
from edge.backup.put_back import FILES, PLAN, PlannedFile, RestorePlan, put_back, read_plan
from edge.backup.unfinished import decided_folder
from edge.errors import BackupError
from edge.spool.copy import begin_anew, nobody_looks
from edge.spool.holder import held_alone
from firmware_config.accepted_bundles import FILE_NAME as ACCEPTED
from firmware_config.accepted_bundles import merged
from firmware_config.regular_file import read_limited
from firmware_config.settings import BoxSettings
from firmware_config.verified_file import CHUNK_BYTES
from firmware_config.write import sync_folder, write_atomic

NEW = "restore-new"
ROOM_BYTES = 50_000_000
OWN, READABLE = 0o600, 0o644


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: how many files, the new epoch of the spool, and the folder of what was there before, if anything was."""

    files: int
    epoch: str | None
    aside: Path | None


def in_the_way(backup: Backup, settings: BoxSettings) -> list[Path]:
    """The files of this box that a restore would replace by others.

    Raises:
        BackupError: a file of the backup belongs nowhere on this box.
    """
    found = []
    for number, entry in wanted(backup):
        place = place_of(entry, settings)
        if not os.path.lexists(place) or (entry.kind == "beside" and entry.name == ACCEPTED):
            continue
        if entry.kind == "spool" or not _is_the_same(place, backup.manifest.entries[number].sha256):
            found.append(place)
    return found


def wanted(backup: Backup) -> Iterator[tuple[int, Entry]]:
    """What is restored, with its number. The state of the slots only with the bundles that it speaks of."""
    for number, entry in enumerate(backup.manifest.entries):
        if backup.manifest.has_bundles or entry.kind != "slots":
            yield number, entry


def restore(backup: Backup, settings: BoxSettings, *, now: datetime, new_epoch: Callable[[], str]) -> Restored:
    """Make this box the one of the backup. Who calls has made sure that what is in the way may go.

    Raises:
        BackupError: there is no room, or a file cannot be written.
        SpoolError: a daemon or another command has the spool, or the copy in the backup is damaged.
    """
    spool = settings.spool
    try:
        spool.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(held_alone(spool))
            stack.enter_context(nobody_looks(spool))
            _require_room(backup, spool.parent)
            _require_rights(backup, settings)
            plan = _prepare(backup, settings, now=now, new_epoch=new_epoch)
            return Restored(len(plan.files), plan.epoch, put_back(plan, spool))
    except OSError as err:
        msg = f"restoring {backup.path}: {err.filename}: {err.strerror}: mend that and run the command again"
        raise BackupError(msg) from err


def finish(settings: BoxSettings) -> Restored | None:
    """Carry out a restore that was interrupted; None where there is none.

    Raises:
        BackupError, SpoolError: as of `restore`.
    """
    if not decided_folder(settings.spool).exists():
        return None
    try:
        with held_alone(settings.spool), nobody_looks(settings.spool):
            plan = read_plan(decided_folder(settings.spool))
            return Restored(len(plan.files), plan.epoch, put_back(plan, settings.spool))
    except OSError as err:
        msg = f"finishing the restore: {err.filename}: {err.strerror}: mend that and run the command again"
        raise BackupError(msg) from err


def _prepare(backup: Backup, settings: BoxSettings, *, now: datetime, new_epoch: Callable[[], str]) -> RestorePlan:
    """Put everything beside the spool, and decide."""
    new, decided = settings.spool.with_name(NEW), decided_folder(settings.spool)
    if new.exists():
        shutil.rmtree(new)
    for folder in (new, new / FILES):
        folder.mkdir(mode=0o700)
    files, epoch, row = [], None, 0
    for number, entry in wanted(backup):
        staged, place = new / FILES / f"{number:06d}", place_of(entry, settings)
        backup.copy(number, staged)
        if entry.kind == "spool":
            mark = begin_anew(staged, new_epoch)
            epoch, row = mark.epoch, mark.row
        elif entry.name == ACCEPTED and place.exists():
            write_atomic(staged, _accepted(backup, number, place), mode=0o600)
        files.append(
            PlannedFile(
                number=number,
                place=str(place.absolute()),
                mode=OWN if entry.kind == "spool" or entry.name == ANSWERS else READABLE,
                sha256=_digest(staged),
                spool=entry.kind == "spool",
            )
        )
    # The state of the slots comes after the bundles that it speaks of, and the spool last.
    files.sort(key=lambda file: (file.spool, Path(file.place).name == SLOTS_STATE, file.number))
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    plan = RestorePlan(aside=f"before-restore-{stamp}", epoch=epoch, row=row, files=tuple(files))
    write_atomic(new / PLAN, plan.model_dump_json(by_alias=True, indent=1).encode(), mode=0o600)
    sync_folder(new / FILES)
    sync_folder(new)
    new.rename(decided)
    sync_folder(decided.parent)
    return plan


def _accepted(backup: Backup, number: int, place: Path) -> bytes:
    try:
        return merged(backup.content(number), read_limited(place, CHUNK_BYTES))
    except ValueError as err:
        msg = f"the list of accepted bundles {place}, or that in the backup, is damaged ({err}): move it away once you know what has run"
        raise BackupError(msg) from err


def _require_room(backup: Backup, folder: Path) -> None:
    needed = 2 * sum(entry.size for _, entry in wanted(backup)) + ROOM_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        msg = f"restoring {backup.path}: it needs {needed // 1_000_000} MB for a moment, and {free // 1_000_000} are free: make room"
        raise BackupError(msg)


def _require_rights(backup: Backup, settings: BoxSettings) -> None:
    """Refuse before anything is decided what this user could not carry out, or what a link of the service would lead elsewhere."""
    for _, entry in wanted(backup):
        place = place_of(entry, settings).absolute()
        base = base_of(entry, settings)
        if not Path(os.path.realpath(place.parent)).is_relative_to(os.path.realpath(base)):
            msg = f"restoring {backup.path}: a link on the way to {place} leads out of {base}: take it away"
            raise BackupError(msg)
        folder = next(each for each in place.parents if each.exists())
        if not os.access(folder, os.W_OK | os.X_OK):
            msg = f"restoring {backup.path}: {place} cannot be written by this user: run this as root"
            raise BackupError(msg)


def _is_the_same(place: Path, sha256: str) -> bool:
    try:
        return not place.is_symlink() and place.is_file() and _digest(place) == sha256
    except OSError as err:
        msg = f"restoring: {place} cannot be read ({err.strerror}): run this as root, or as the user of the service"
        raise BackupError(msg) from err


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
