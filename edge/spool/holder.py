"""Who has a spool as its daemon: one process, as long as it lives. Commands that only look, or ask for a replay, need not hold it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edge.errors import SpoolError
from firmware_config.owned_file import open_owned

SUFFIX = ".daemon"
MAX_NAME_BYTES = 64


@contextlib.contextmanager
def held_alone(spool: Path) -> Iterator[None]:
    """Have the spool for this process. The lock ends with the process, however that ends.

    Raises:
        SpoolError: another process has it, or the file of the lock cannot be opened.
    """
    path = spool.with_name(spool.name + SUFFIX)
    try:
        descriptor = open_owned(path, os.O_RDWR)
    except OSError as err:
        msg = f"opening {path}: {err.strerror}: the folder of the spool must exist and be writable"
        raise SpoolError(msg) from err
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            who = os.pread(descriptor, MAX_NAME_BYTES, 0).decode(errors="replace").strip()
            process = f" (process {who})" if who.isdecimal() else ""
            msg = f"another daemon{process} has the spool {spool}: stop it, or give this one a spool of its own (KOTOBA_SPOOL)"
            raise SpoolError(msg) from err
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
