"""Reads small files that somebody else may have named: a pipe would hang the reader, a device would fill the memory."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MAX_SECRET_BYTES = 4096


def open_regular_file(path: Path) -> BinaryIO:
    """Open a regular file for reading; links are followed.

    Raises:
        OSError: it cannot be read, or is a pipe, a device, a folder: `strerror` says which.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise OSError(errno.EINVAL, f"it is {kind}", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, max_bytes: int) -> bytes:
    """The first `max_bytes` of a regular file; who needs to know of more asks for one byte more than is allowed.

    Raises:
        OSError: as of `open_regular_file`.
    """
    with open_regular_file(path) as file:
        return file.read(max_bytes)


def read_limited(path: Path, max_bytes: int) -> bytes:
    """The content of a regular file of at most `max_bytes`.

    Raises:
        OSError: as of `open_regular_file`, or it is larger.
    """
    raw = read_regular(path, max_bytes + 1)
    if len(raw) > max_bytes:
        raise OSError(errno.EFBIG, f"it has more than {max_bytes} bytes", str(path))
    return raw


def read_secret(path: Path) -> str:
    """The one line of a password file.

    Raises:
        OSError: as of `read_regular`, or it is larger than a password.
        UnicodeDecodeError: it is not UTF-8.
    """
    return read_limited(path, MAX_SECRET_BYTES).decode().strip()
