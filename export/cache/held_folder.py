"""A folder that one process works in at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.errors import ExportError


class FolderHeldError(ExportError):
    """Another process works in the folder; the message says so in one sentence."""


@contextmanager
def held(folder: Path, *, what: str) -> Iterator[None]:
    """Hold a folder; the kernel lets go of it when the process ends, however that is. `what` is being done, such as "describing into out".

    Raises:
        FolderHeldError: another process holds it.
        OSError: it cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            msg = f"{what}: another process is at work there: wait for it, or give another folder as --out"
            raise FolderHeldError(msg) from err
        yield
    finally:
        os.close(descriptor)
