"""Which processes hold a lock on a file, as the kernel lists them in /proc/locks: asking takes no lock and disturbs nobody."""

from __future__ import annotations

import os
from pathlib import Path


def lock_holders(file: Path, *, root: Path = Path("/"), own: int | None = None) -> tuple[int, ...]:
    """Ids of the other processes that hold a lock (flock) on the file; empty where there is none, or the kernel does not say.

    A lock is known by the inode alone: the device in /proc/locks is not the one that `stat` gives on some file systems.
    """
    own = os.getpid() if own is None else own
    try:
        inode = str(file.stat().st_ino)
        lines = (root / "proc/locks").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    found = set[int]()
    for line in lines:
        match line.split():
            case [_, "FLOCK", _, _, holder, place, *_] if place.rpartition(":")[2] == inode and holder.isdigit():
                found.add(int(holder))
    return tuple(sorted(found - {own}))
