"""Run by test_full_disk.py inside a mount namespace: kill a spool's process, fill the disk, open the spool. Prints one JSON object."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from edge.spool.store import Spool
from tests.support.inspections import inspection

COMMITTED = 50


def opened(folder: Path) -> Spool:
    """Open the spool with a ballast that a small disk has room for."""
    spool = Spool(folder / "spool.sqlite", ballast_bytes=1 << 20)
    spool.register_sinks({"mqtt": ("s1",)})
    return spool


def main(folder: Path) -> None:
    """Commit and die, fill the disk to the last byte, go on."""
    pid = os.fork()
    if pid == 0:
        spool = opened(folder)
        for number in range(COMMITTED):
            spool.commit(inspection(number))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    (folder / "spool.sqlite-shm").unlink()  # what a power cut leaves: SQLite makes it again at the start, and needs space for it
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (65536, 1024, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    spool = opened(folder)
    waiting = [row.inspection.seq for row in spool.pending("mqtt", ("s1",), 2 * COMMITTED)]
    moved_aside = spool.status().moved_aside
    (folder / "filler").unlink()
    after = spool.commit(inspection(COMMITTED)).seq
    spool.close()
    sys.stdout.write(json.dumps({"waiting": waiting, "moved_aside": moved_aside and str(moved_aside), "after": after}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
