"""A file of a bundle that is read once: the bytes that were checked against the manifest are the bytes that are used.

A path can be renamed over, and a file can be overwritten in place while it is open. So the content is copied into memory first, and only
the copy is checked and used: docs/decisions/0016-a-bundle-is-read-once.md.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from firmware_config.errors import ManifestError
from firmware_config.regular_file import read_regular

GET_NEW_COPY = "take the bundle from its builder again"
"""The advice for a bundle that was changed, damaged or not made by its builder."""

CHUNK_BYTES = 1 << 20

MFD_CLOEXEC, MFD_ALLOW_SEALING = 1, 2
F_ADD_SEALS, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE = 1033, 1, 2, 4, 8
"""From linux/memfd.h and linux/fcntl.h: a Python that was built for an old glibc (as those of uv are) has no names for them."""

LOWEST_DESCRIPTOR = 200
"""The first free descriptor from here on is the copy's. TensorRT names its compiled engines after the file that it was given, and an engine
takes minutes: so the name must be the same at each start."""


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """One file as its manifest lists it. Whoever reads it gets exactly the listed bytes, or an error."""

    path: Path
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The name of the file, without its folder."""
        return self.path.name

    def __str__(self) -> str:
        return str(self.path)

    def read(self, *, limit: int | None = None) -> bytes:
        """The content, of at most `limit` bytes.

        Raises:
            ManifestError: it is missing, larger, no regular file, or not what the manifest lists.
        """
        with self._opened() as source:
            content = b"" if limit is not None and self.size > limit else _read_up_to(source, self.size)
        if limit is not None and self.size > limit:
            msg = f"{self.path} has more than {limit} bytes: {GET_NEW_COPY}"
            raise ManifestError(msg)
        self._require(hashlib.sha256(content).hexdigest())
        return content

    def check(self) -> None:
        """Check the file without keeping its content.

        Raises:
            ManifestError: as of `read`.
        """
        with self._opened() as source:
            digest = _digest_of(source)
        self._require(digest)

    @contextmanager
    def private_copy(self) -> Iterator[Path]:
        """A path to a copy in memory that nobody can change, for a parser that takes only paths; valid inside the `with`.

        A mapping that the parser keeps stays valid afterwards.

        Raises:
            ManifestError: as of `read`.
        """
        with self._opened() as source:
            copy = _memory_file(self.name)
            try:
                self._fill(copy, source)
                number = fcntl.fcntl(copy, fcntl.F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR)
            finally:
                os.close(copy)
        try:
            yield Path(f"/proc/self/fd/{number}")
        finally:
            os.close(number)

    def _fill(self, copy: int, source: int) -> None:
        """Copy, seal, and only then check: what was checked cannot change."""
        left = self.size
        while left and (sent := os.sendfile(copy, source, None, left)):
            left -= sent
        fcntl.fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
        self._require(_digest_of(copy))

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            source = open_regular(self.path)
            try:
                size = os.fstat(source).st_size
                if size != self.size:
                    msg = f"{self.path} has {size} bytes, its manifest says {self.size}: {GET_NEW_COPY}"
                    raise ManifestError(msg)
                yield source
            finally:
                os.close(source)
        except OSError as err:
            advice = "free memory" if err.errno in {errno.ENOMEM, errno.ENOSPC} else GET_NEW_COPY
            msg = f"{self.path} cannot be read ({err.strerror}): {advice}"
            raise ManifestError(msg) from err

    def _require(self, digest: str) -> None:
        if digest != self.sha256:
            msg = f"{self.path} was changed (its sha256 is {digest}, its manifest says {self.sha256}): {GET_NEW_COPY}"
            raise ManifestError(msg)


StoredFile: TypeAlias = Path | VerifiedFile
"""A file that somebody names by its path, or one of a bundle."""


def content_of(file: StoredFile, *, limit: int) -> bytes:
    """The content of a file; of one named by its path the first `limit` + 1 bytes at most, so that the caller sees that it is too large.

    Raises:
        OSError: a file named by its path cannot be read, or is no regular file.
        ManifestError: as of `VerifiedFile.read`.
    """
    return file.read(limit=limit) if isinstance(file, VerifiedFile) else read_regular(file, limit + 1)


@contextmanager
def steady_path(file: StoredFile) -> Iterator[Path]:
    """A path for a parser that takes only paths: of a bundle's file a private copy, else the path itself.

    Raises:
        ManifestError: as of `VerifiedFile.private_copy`.
    """
    if isinstance(file, VerifiedFile):
        with file.private_copy() as path:
            yield path
    else:
        yield file


def open_regular(path: Path) -> int:
    """Open a regular file for reading and return its descriptor. Refuses links, devices and pipes, and never waits for a writer.

    Raises:
        ManifestError: it is no regular file, or has a second hard link.
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    facts = os.fstat(descriptor)
    if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    what = "has another hard link" if stat.S_ISREG(facts.st_mode) else "is no regular file"
    msg = f"{path.name} {what}: {GET_NEW_COPY}"
    raise ManifestError(msg)


def _memory_file(name: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.memfd_create(os.fsencode(name), MFD_CLOEXEC | MFD_ALLOW_SEALING))
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return descriptor


def _digest_of(descriptor: int) -> str:
    digest, at = hashlib.sha256(), 0
    while chunk := os.pread(descriptor, CHUNK_BYTES, at):
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest()


def _read_up_to(source: int, size: int) -> bytes:
    content = bytearray()
    while len(content) < size and (chunk := os.read(source, min(CHUNK_BYTES, size - len(content)))):
        content += chunk
    return bytes(content)
