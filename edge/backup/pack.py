"""Writes a backup: a plain tar with the manifest first and each file under its number, whole under its name or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from edge.backup.gather import Found, gather
from edge.backup.manifest import MANIFEST_NAME, BackupManifest, Entry
from edge.bundle.archive import END, header, padding
from edge.errors import BackupError
from edge.spool.copy import copy_spool
from firmware_config.settings import BoxSettings
from firmware_config.verified_file import CHUNK_BYTES
from firmware_config.version import installed_version
from firmware_config.write import sync_folder

ROOM_BYTES = 1_000_000


def back_up(settings: BoxSettings, out: Path, *, with_bundles: bool, now: datetime) -> BackupManifest:
    """Write the backup of a box to a new file; the daemon may run. Returns what is in it.

    Raises:
        BackupError: the file exists, cannot be written, or a file of the box cannot be read or changed meanwhile.
        SpoolError, ConfigError, BundleError: the spool, a station file or the slots cannot be read.
    """
    if os.path.lexists(out):
        msg = f"backup {out}: it exists already: give the name of a new file"
        raise BackupError(msg)
    unfinished, copied = out.with_name(f".{out.name}.unfinished"), out.with_name(f".{out.name}.spool")
    try:
        _clear(unfinished, copied)
        box = gather(settings, with_bundles=with_bundles)
        files, mark = list(box.files), None
        if settings.spool.exists():
            _require_room(out, settings.spool)
            mark = copy_spool(settings.spool, copied)
            files.append(Found("spool", "spool.sqlite", copied))
        manifest = BackupManifest(
            made_at=now,
            box=settings.box,
            version=installed_version(),
            epoch=None if mark is None else mark.epoch,
            rows=0 if mark is None else mark.row,
            bundle=box.bundle,
            left_out=box.left_out,
            entries=tuple(_entry(file) for file in files),
        )
        _write(unfinished, manifest, files)
        _name(unfinished, out)
    except OSError as err:
        msg = f"backup {out}: {err.filename or out}: {err.strerror}: correct the path or the rights, or make room"
        raise BackupError(msg) from err
    finally:
        with contextlib.suppress(OSError):
            _clear(unfinished, copied)
    return manifest


def _name(unfinished: Path, out: Path) -> None:
    """Give the file its name; one that has come to be there meanwhile is not replaced."""
    try:
        os.link(unfinished, out)
    except PermissionError:  # the file systems of sticks have no links
        if os.path.lexists(out):
            raise
        unfinished.rename(out)
    sync_folder(out.parent)


def _clear(unfinished: Path, copied: Path) -> None:
    """Take away what a backup that was killed has left."""
    for path in (unfinished, copied, *(copied.with_name(copied.name + suffix) for suffix in ("-journal", "-wal", "-shm"))):
        path.unlink(missing_ok=True)


def _require_room(out: Path, spool: Path) -> None:
    """The spool is there twice for a moment: copied, and packed."""
    needed, free = 2 * spool.stat().st_size + ROOM_BYTES, shutil.disk_usage(out.parent).free
    if free < needed:
        msg = f"backup {out}: it needs {needed // 1_000_000 + 1} MB for a moment, and {free // 1_000_000} are free: choose another disk"
        raise BackupError(msg)


def _entry(file: Found) -> Entry:
    size, digest = 0, hashlib.sha256()
    for chunk in _chunks(file):
        digest.update(chunk)
        size += len(chunk)
    return Entry(kind=file.kind, name=file.name, size=size, sha256=digest.hexdigest())


def _write(path: Path, manifest: BackupManifest, files: list[Found]) -> None:
    raw = manifest.model_dump_json(by_alias=True, indent=1).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(header(MANIFEST_NAME, len(raw)) + raw + padding(len(raw)))
        for number, (entry, file) in enumerate(zip(manifest.entries, files, strict=True)):
            _copy(out, number, entry, file)
        out.write(END)
        out.flush()
        os.fsync(out.fileno())


def _copy(out: BinaryIO, number: int, entry: Entry, file: Found) -> None:
    out.write(header(f"{number:06d}", entry.size))
    size, digest = 0, hashlib.sha256()
    for chunk in _chunks(file):
        digest.update(chunk)
        size += len(chunk)
        out.write(chunk)
    if (size, digest.hexdigest()) != (entry.size, entry.sha256):
        msg = f"backup: {file.path} was changed while it was read: run the command again"
        raise BackupError(msg)
    out.write(padding(size))


def _chunks(file: Found) -> Iterator[bytes]:
    if file.content is not None:
        yield file.content
        return
    with os.fdopen(os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk
