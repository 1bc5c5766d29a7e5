"""Opening a file in a folder of the service, also as root: a new file belongs to the owner of the folder, and no link is followed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def open_owned(path: Path, flags: int, *, mode: int = 0o600) -> int:
    """Open a file, make it where there is none; returns its descriptor.

    A command run as root would else leave a file that the service cannot open. The folder is the service's own: a link that lies there
    could lead root anywhere, so it is refused, and the owner of a file that is there is never changed.

    Raises:
        OSError: it cannot be opened or made, or is a link.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, flags)
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:  # somebody has made it meanwhile
        return os.open(path, flags)
    with contextlib.suppress(PermissionError):  # only root may give it away, and only root need
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor
