"""Run by test_failing_calls.py with tests/faults/call_index.py loaded: a spool at work, and each of its disk calls fails.

For each number a child goes on with a copy of a spool that was killed, commits and delivers while the fault is armed, and says what it
was told; then another opens the spool without a fault and compares. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.errors import SpoolError
from edge.inspection.policy import uncommitted
from edge.records import Inspection, PictureFile
from edge.spool.store import Spool
from tests.faults.call_index import armed
from tests.support.inspections import inspection

BEFORE, MORE = 8, 6
TRIES = 3

Told = list[tuple[str, int, str, str]]
"""Epoch, number, id and decision of what was acknowledged."""


def opened(folder: Path) -> Spool:
    return Spool(folder / "spool.sqlite", ballast_bytes=65_536, keep_s=0, keep_rows=4)


def told_of(one: Inspection) -> tuple[str, int, str, str]:
    return (one.epoch, one.seq, one.id, one.verdict.decision.value)


def in_child(do: Callable[[], object]) -> Any:  # noqa: ANN401 -- what JSON gives back
    """What `do` gives, run in a child that dies at once afterwards, as a kill would end it."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            said = {"given": do()}
        except BaseException:  # noqa: BLE001 -- whatever it is, it must not have come
            said = {"bug": traceback.format_exc()}
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123 -- a descriptor
        said = json.loads(pipe.read() or b'{"bug": "it died"}')
    os.wait()
    if "bug" in said:
        raise RuntimeError(said["bug"])
    return said["given"]


def begin(folder: Path) -> Told:
    """Leave a spool as a kill does: some delivered, some in the log only."""
    spool = opened(folder)
    spool.register_sinks({"mqtt": ("s1",)})
    committed = [spool.commit(inspection(number)) for number in range(BEFORE)]
    for row in spool.pending("mqtt", ("s1",), 2):
        spool.mark_delivered("mqtt", [row])
    return list(map(told_of, committed[2:]))


def work(folder: Path, fault: str, at: int | None, *, stays: bool) -> tuple[int, Told, list[str]]:
    """Go on with it as a daemon does; returns the number of calls, what was acknowledged, and the ids of what was delivered."""
    told: Told = []
    delivered: list[str] = []
    with armed(folder, fault, at=at, stays=stays) as counter:
        spool = None
        for _ in range(TRIES):  # systemd starts it again
            with contextlib.suppress(SpoolError):
                spool = opened(folder)
                spool.register_sinks({"mqtt": ("s1",)})
                break
        if spool is not None:
            for number in range(BEFORE, BEFORE + MORE):
                one = inspection(number)
                for _ in range(TRIES):
                    try:
                        told.append(told_of(spool.commit(one, file=PictureFile(f"{number}.png", number, number, f"{number:064}"))))
                        break
                    except SpoolError as err:
                        one = uncommitted(one, str(err))
            for _ in range(TRIES):
                with contextlib.suppress(SpoolError):
                    for row in spool.pending("mqtt", ("s1",), 3):
                        delivered.append(row.inspection.id)  # the output has it, whether the spool can write that down or not
                        spool.mark_delivered("mqtt", [row])
                    break
            with contextlib.suppress(SpoolError):
                spool.prune()
    return counter.count, told, delivered


def compare(folder: Path, told: Told, delivered: list[str]) -> dict[str, object]:
    """Open it on a good disk and look for what it had acknowledged."""
    spool = opened(folder)
    spool.register_sinks({"mqtt": ("s1",)})
    there = [told_of(row.inspection) for row in spool.pending("mqtt", ("s1",), 1000)]
    after = spool.commit(replace(inspection(0), id="after"))
    twice = len(there) - len({(epoch, seq) for epoch, seq, *_ in there}) + ((after.epoch, after.seq) in {one[:2] for one in there})
    spool.close()
    lost = [one for one in told if one[2] not in delivered and one not in there]
    return {"lost": lost, "twice": twice, "moved": spool_moved(folder)}


def spool_moved(folder: Path) -> bool:
    return any("damaged" in path.name for path in folder.iterdir())


def main(root: Path, fault: str, step: int, *, stays: bool) -> None:
    """Strike every call, or one of `step`."""
    logging.disable()
    whole = root / "whole"
    whole.mkdir()
    before = in_child(lambda: begin(whole))

    def strike(at: int | None) -> tuple[int, int, dict[str, Any]]:
        folder = root / f"at{at}"
        shutil.copytree(whole, folder)
        count, told, delivered = in_child(lambda: work(folder, fault, at, stays=stays))
        known = [tuple(one) for one in before + told]
        found = in_child(lambda: compare(folder, known, delivered))
        shutil.rmtree(folder)
        return count, len(known), found

    calls, *_ = strike(None)
    results = [(at, *strike(at)) for at in range(0, calls, step)]
    acknowledged = sum(known for _, _, known, _ in results)
    lost = [(at, one) for at, _, _, found in results for one in found["lost"]]
    twice, moved = (sum(found[what] for *_, found in results) for what in ("twice", "moved"))
    sys.stdout.write(
        json.dumps({"tried": len(results), "calls": calls, "acknowledged": acknowledged, "lost": lost, "twice": twice, "moved": moved})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), stays=sys.argv[4] == "stays")
