"""A spool as a kill leaves it: some of it in the database, some in the write-ahead log, some delivered."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from edge.spool.store import Spool
from tests.support.inspections import inspection

ROWS, DELIVERED = 60, 20
WAITING = [("before", seq) for seq in range(DELIVERED + 1, ROWS + 1)]
"""Epoch and number of what is not delivered."""


def leave_killed(root: Path) -> Path:
    """Leave database, log and mark in ROOT/killed; all files stay in ROOT/live as well."""
    live = root / "live"
    live.mkdir()
    spool = Spool(live / "spool.sqlite", ballast_bytes=4096, new_epoch=lambda: "before", clock=lambda: 0.0)
    spool.register_sinks({"mqtt": ("s1",)})
    for number in range(ROWS // 2):
        spool.commit(inspection(number, detail="x" * 1000))
    sqlite3.connect(live / "spool.sqlite").execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    for row in spool.pending("mqtt", ("s1",), DELIVERED):
        spool.mark_delivered("mqtt", [row])
    for number in range(ROWS // 2, ROWS):
        spool.commit(inspection(number, detail="x" * 1000))
    # Damage in the last transaction of the log cannot be told from one that a power cut tore: here it holds nothing new.
    spool.register_sinks({"mqtt": ("s1",)})
    folder = root / "killed"
    folder.mkdir()
    for name in ("spool.sqlite", "spool.sqlite-wal", "spool.sqlite.mark"):
        shutil.copy(live / name, folder)
    spool.close()
    return folder


def opened(folder: Path) -> Spool:
    """Open it; a new epoch is called `after`."""
    spool = Spool(folder / "spool.sqlite", ballast_bytes=4096, new_epoch=lambda: "after", clock=lambda: 0.0)
    spool.register_sinks({"mqtt": ("s1",)})
    return spool


def waiting(spool: Spool) -> list[tuple[str, int]]:
    """Epoch and number of what is to be delivered, in this order."""
    return [(row.inspection.epoch, row.inspection.seq) for row in spool.pending("mqtt", ("s1",), 1000)]


def overwrite(path: Path, place: int, content: bytes) -> None:
    """Change bytes in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)
