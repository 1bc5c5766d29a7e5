"""Carries out a restore that is decided. Each step may be interrupted and is done again: at the end all files are there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from edge.backup.unfinished import decided_folder
from edge.errors import BackupError
from edge.spool.copy import SUFFIXES, write_mark
from edge.spool.mark import Mark
from firmware_config.errors import first_mistake
from firmware_config.regular_file import read_limited
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json
from firmware_config.verified_file import CHUNK_BYTES
from firmware_config.write import sync_folder

PLAN, FILES, DONE = "plan.json", "files", "restore-done"
MAX_PLAN_BYTES = 16_000_000


class PlannedFile(BaseModel):
    """A prepared file, by its number, and where it goes."""

    model_config = STRICT
    number: int
    place: str
    mode: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    spool: bool = False


class RestorePlan(BaseModel):
    """What is decided. `aside` is the name of the folder, beside the spool, for what was there before."""

    model_config = STRICT
    schema_id: Literal["kotoba.restore/1"] = Field(default="kotoba.restore/1", alias="schema")
    aside: str
    epoch: str | None
    row: int
    files: tuple[PlannedFile, ...]


def read_plan(folder: Path) -> RestorePlan:
    """Read what was decided.

    Raises:
        BackupError: it is damaged, or somebody else has written it.
    """
    try:
        _require_own(folder)
        return read_json(RestorePlan, read_limited(folder / PLAN, MAX_PLAN_BYTES))
    except (OSError, ValueError) as err:
        why = err.strerror if isinstance(err, OSError) else first_mistake(err)
        msg = f"the interrupted restore {folder} cannot be read ({why}): move the folder away and restore the backup again"
        raise BackupError(msg) from err


def _require_own(folder: Path) -> None:
    """Refuse what another user has prepared: it lies in the folder of the service, and root would write whatever it says, wherever."""
    for path in (folder, folder / PLAN, folder / FILES):
        of = path.lstat()
        if of.st_uid != os.geteuid() or of.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or stat.S_ISLNK(of.st_mode):
            msg = f"the interrupted restore {folder} is not of this user alone: finish it as the user who began it, or move the folder away"
            raise BackupError(msg)


def put_back(plan: RestorePlan, spool: Path) -> Path | None:
    """Put all files where they belong; returns the folder of what was there before, None if nothing was.

    Raises:
        OSError: one cannot be written; what is done stays done, and the rest is done the next time.
        SpoolError: the mark of the spool cannot be written.
    """
    decided, aside = decided_folder(spool), spool.with_name(plan.aside)
    for file in plan.files:
        _put(file, decided / FILES / f"{file.number:06d}", aside)
    if plan.epoch is not None:
        write_mark(spool, Mark(plan.epoch, plan.row))
    done = spool.with_name(DONE)
    if done.exists():
        shutil.rmtree(done)
    decided.rename(done)  # so that a kill leaves it whole under its name, or not under its name
    sync_folder(decided.parent)
    shutil.rmtree(done)
    return aside if aside.exists() else None


def _put(file: PlannedFile, staged: Path, aside: Path) -> None:
    place = Path(file.place)
    if not staged.exists() or (not file.spool and _digest_if_there(place) == file.sha256):
        return  # done already, or as it was
    _make_folder(place.parent)
    for old in [place.with_name(place.name + suffix) for suffix in SUFFIXES] if file.spool else [place]:
        if os.path.lexists(old):
            _move(old, aside / str(old).lstrip("/"))
    owner = place.parent.stat()
    staged.chmod(file.mode)
    with contextlib.suppress(PermissionError):  # only root may, and only root need
        os.chown(staged, owner.st_uid, owner.st_gid)
    _move(staged, place)


def _move(path: Path, to: Path) -> None:
    """Rename a file; to another file system it is copied under another name first."""
    _make_folder(to.parent)
    try:
        path.rename(to)
    except OSError as err:
        if err.errno != errno.EXDEV:
            raise
        unfinished = to.with_name(f".{to.name}.restoring")
        unfinished.unlink(missing_ok=True)
        shutil.copy2(path, unfinished, follow_symlinks=False)
        if not path.is_symlink():
            of = path.stat()
            with contextlib.suppress(PermissionError):
                os.chown(unfinished, of.st_uid, of.st_gid)
            _synchronise(unfinished)
        unfinished.rename(to)
        sync_folder(to.parent)
        path.unlink()
    sync_folder(to.parent)
    sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each for the owner of the one that holds it."""
    for each in _missing(folder):
        each.mkdir(mode=0o755, exist_ok=True)
        owner = each.parent.stat()
        with contextlib.suppress(PermissionError):
            os.chown(each, owner.st_uid, owner.st_gid)
        sync_folder(each.parent)


def _missing(folder: Path) -> Iterator[Path]:
    yield from (each for each in reversed([folder, *folder.parents]) if not each.is_dir())


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest_if_there(path: Path) -> str | None:
    if path.is_symlink() or not path.is_file():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
