"""Reads a backup: everything is checked before a byte of it is used, and again when it is copied."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.backup.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, MAX_SMALL_BYTES, BackupManifest, Entry
from edge.bundle.archive import BLOCK_BYTES, END, header, padding
from edge.errors import BackupError
from firmware_config.errors import ConfigError, first_mistake
from firmware_config.station import parse_station
from firmware_config.strict_json import read_json
from firmware_config.verified_file import CHUNK_BYTES

SIZE_FIELD = slice(124, 135)
ANOTHER = "take another backup"


@dataclass(frozen=True, slots=True)
class Backup:
    """An open backup that is whole. `places` are where the content of each entry begins."""

    path: Path
    manifest: BackupManifest
    file: BinaryIO
    places: tuple[int, ...]

    def copy(self, number: int, to: Path) -> None:
        """Write the content of an entry into a new file, and put it on disk.

        Raises:
            BackupError: somebody has changed the backup meanwhile.
            OSError: it cannot be written.
        """
        entry, digest = self.manifest.entries[number], hashlib.sha256()
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            for chunk in self._chunks(number):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != entry.sha256:
            raise self._changed()

    def content(self, number: int) -> bytes:
        """The content of a small entry.

        Raises:
            BackupError: somebody has changed the backup meanwhile, or it is not small.
        """
        entry = self.manifest.entries[number]
        content = b"" if entry.size > MAX_SMALL_BYTES else b"".join(self._chunks(number))
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise self._changed()
        return content

    def _chunks(self, number: int) -> Iterator[bytes]:
        self.file.seek(self.places[number])
        left = self.manifest.entries[number].size
        while left and (chunk := self.file.read(min(left, CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk

    def _changed(self) -> BackupError:
        return BackupError(f"backup {self.path}: it was changed while it was read: {ANOTHER}")


@contextlib.contextmanager
def opened_backup(path: Path) -> Iterator[Backup]:
    """Open a backup and check all of it: form, digests, station files.

    Raises:
        BackupError: it cannot be read, is no backup, cut off or changed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as err:
        msg = f"backup {path} cannot be read ({err.strerror}): give a file that `kotoba-edge backup` has written"
        raise BackupError(msg) from err
    with os.fdopen(descriptor, "rb") as file:
        try:
            manifest = _manifest(file)
            backup = Backup(path, manifest, file, tuple(_places(file, manifest)))
            _check_stations(backup)
        except OSError as err:
            msg = f"backup {path} cannot be read ({err.strerror}): copy it again"
            raise BackupError(msg) from err
        except (ValueError, ConfigError) as err:
            msg = f"backup {path}: {first_mistake(err) if isinstance(err, ValueError) else err}: {ANOTHER}"
            raise BackupError(msg) from err
        yield backup


def _manifest(file: BinaryIO) -> BackupManifest:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        msg = "it is no regular file"
        raise ValueError(msg)
    block = file.read(BLOCK_BYTES)
    try:
        size = int(block[SIZE_FIELD], 8)
    except ValueError:
        size = -1
    if not 0 < size <= MAX_MANIFEST_BYTES or block != header(MANIFEST_NAME, size):
        msg = "it is no backup of `kotoba-edge backup`"
        raise ValueError(msg)
    raw = file.read(size)
    _require(file, padding(size))
    return read_json(BackupManifest, raw)


def _places(file: BinaryIO, manifest: BackupManifest) -> Iterator[int]:
    """Check each file of the archive in turn; gives where its content begins."""
    for number, entry in enumerate(manifest.entries):
        _require(file, header(f"{number:06d}", entry.size))
        yield file.tell()
        _require_digest(file, entry)
        _require(file, padding(entry.size))
    _require(file, END)
    if file.read(1):
        msg = "something follows after its end"
        raise ValueError(msg)


def _require(file: BinaryIO, expected: bytes) -> None:
    if file.read(len(expected)) != expected:
        msg = "it is cut off or changed"
        raise ValueError(msg)


def _require_digest(file: BinaryIO, entry: Entry) -> None:
    left, digest = entry.size, hashlib.sha256()
    while left and (chunk := file.read(min(left, CHUNK_BYTES))):
        digest.update(chunk)
        left -= len(chunk)
    if left or digest.hexdigest() != entry.sha256:
        msg = f"{entry.name} in it is cut off or changed"
        raise ValueError(msg)


def _check_stations(backup: Backup) -> None:
    for number, entry in enumerate(backup.manifest.entries):
        if entry.kind == "station":
            parse_station(backup.content(number), source=entry.name)
