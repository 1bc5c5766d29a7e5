"""Run by test_full_disk.py inside a mount namespace: a daemon at work whose disk is filled at one moment after the other.

At each the disk is full to the last byte until a verdict had to wait for room, and then has room again. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from edge.cameras.memory import MemoryCamera
from edge.records import Capture, Decision
from edge.spool.store import Spool
from tests.support.running_daemon import WatchedSink, daemon_of, pipeline
from tests.support.sample_records import frames

PICTURES, LAST_MOMENT = 150, 40
BALLAST_BYTES = 256 << 10


def fill(disk: Path) -> None:
    """Leave not one byte, also of what the spool has given back meanwhile."""
    for size in (65536, 1024, 1):
        with contextlib.suppress(OSError), (disk / "filler").open("ab", buffering=0) as file:
            while file.write(b"\0" * size):
                pass


def one_moment(disk: Path, moment: int) -> dict[str, int]:
    """Judge pictures; the disk is full from the picture with this number on until the spool says so."""
    sources = [f"{number:03}.png" for number in range(PICTURES)]
    sink, was_full, filling = WatchedSink(), threading.Event(), threading.Lock()
    sink.broken = True  # what is delivered may go to make room
    spool = Spool(disk / "spool.sqlite", ballast_bytes=BALLAST_BYTES)

    def captures() -> Iterator[Capture]:
        for number, frame in enumerate(frames(sources)):
            with filling:
                if number >= moment and not was_full.is_set():
                    fill(disk)
            yield frame
        was_full.set()

    def make_room() -> None:
        while not spool.status().full and not was_full.wait(0.002):
            pass
        with filling:
            was_full.set()
            (disk / "filler").unlink(missing_ok=True)
        sink.broken = False

    room = threading.Thread(target=make_room)
    room.start()
    try:
        daemon_of([pipeline(MemoryCamera(captures()), sources)], spool, sink).run(threading.Event(), until_done=True)
    finally:
        was_full.set()
        room.join()
        spool.close()
    arrived = sink.inspections
    waited = [one for one in arrived if one.verdict.decision is not Decision.OK]
    return {
        "lost": PICTURES - len({one.source for one in arrived}),
        "doubled": len(arrived) - len({one.source for one in arrived}),
        "renumbered": int([one.seq for one in arrived] != list(range(1, PICTURES + 1))),
        "full": int(bool(waited)),
        "ok_while_full": sum(
            one.verdict.decision is not Decision.FAULT or "spool_full" not in [reason.value for reason in one.verdict.reasons]
            for one in waited
        ),
    }


def main(disk: Path, moments: int) -> None:
    """Go through the moments, each with a new spool."""
    logging.disable()
    totals: dict[str, int] = {}
    for number in range(moments):
        folder = disk / "spool"
        folder.mkdir()
        for what, count in one_moment(folder, number % LAST_MOMENT + 1).items():
            totals[what] = totals.get(what, 0) + count
        shutil.rmtree(folder)
    sys.stdout.write(json.dumps({"moments": moments, **totals}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
