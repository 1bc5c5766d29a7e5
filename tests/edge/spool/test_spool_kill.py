"""Kill -9 of the process that commits: what it was told is committed must be there, whenever it dies."""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.support.memory_folder import folder_in_memory

NURSERY = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from edge.spool.store import Spool
from tests.support.inspections import inspection

def write(path, life, enough):
    spool = Spool(Path(path), ballast_bytes=4096)
    spool.register_sinks({"mqtt": ("s1",)})
    sample, number = inspection(0), 0
    while True:
        number += 1
        committed = spool.commit(replace(sample, id=f"{life}-{number}"))
        os.write(1, f"{committed.id} {committed.seq}\\n".encode())
        if number == int(enough):
            os.write(2, f"{os.getpid()}\\n".encode())
        if number % 50 == 0:  # so that kills also meet cursors on the move
            for row in spool.pending("mqtt", ("s1",), 40):
                spool.mark_delivered("mqtt", [row])

for order in sys.stdin:  # python starts once, writers are forked
    pid = os.fork()
    if pid == 0:
        write(*order.split())
    died_of = -os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(1, f"died {died_of}\\n".encode())
"""

DEADLINE_S = 60.0
KILLS_PER_FILE = 20
"""A spool examines its file at each start: small files make 200 starts quick."""

Said = list[tuple[str, int]]


@contextmanager
def nursery() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(DEADLINE_S) == 0


def acknowledged_until_killed(process: subprocess.Popen[bytes], path: Path, life: int, enough: int, dice: random.Random) -> Said:
    """Let a writer commit, kill it somewhere after `enough` acknowledgements, and give all that it said."""
    assert process.stdin is not None
    process.stdin.write(f"{path} {life} {enough}\n".encode())
    pid = heard(process.stderr).decode()
    assert pid.strip().isdigit(), pid
    select.select([], [], [], dice.uniform(0, 0.002))  # any moment of the next commits
    os.kill(int(pid), signal.SIGKILL)
    said = b""
    while not said.endswith(b"died 9\n"):
        said += heard(process.stdout)
    *lines, _ = (line.split() for line in said.decode().splitlines())
    return [(name, int(seq)) for name, seq in lines]


def heard(pipe: IO[bytes] | None) -> bytes:
    assert pipe is not None
    assert select.select([pipe], [], [], DEADLINE_S)[0], f"heard nothing for {DEADLINE_S} s"
    said = os.read(pipe.fileno(), 65536)
    assert said, "the nursery ended"
    return said


def committed_in(path: Path) -> Said:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT id, seq FROM inspections ORDER BY row").fetchall()
    finally:
        connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with folder_in_memory(tmp_path) as folder:
        yield folder


@pytest.mark.parametrize(
    ("kills", "acknowledged"),
    [pytest.param(200, 40_000, marks=pytest.mark.long), pytest.param(1000, 200_000, marks=pytest.mark.soak)],
    ids=["200 kills", "1,000 kills"],
)
def test_no_acknowledged_verdict_is_lost_when_the_writer_is_killed(
    folder: Path, kills: int, acknowledged: int, record_property: Callable[[str, object], None]
) -> None:
    dice, total = random.Random(1), 0
    with nursery() as process:
        for file in range(kills // KILLS_PER_FILE):
            path, said = folder / f"spool{file}.sqlite", []

            for life in range(KILLS_PER_FILE):
                said += acknowledged_until_killed(process, path, life, dice.randint(1, 2 * acknowledged // kills + 40), dice)

            rows = committed_in(path)
            assert set(said) - set(rows) == set()
            assert [seq for _, seq in rows] == list(range(1, len(rows) + 1))
            assert said == sorted(said, key=lambda line: line[1])
            assert len({seq for _, seq in said}) == len(said)
            total += len(said)
    record_property("R1", f"{kills:,} kills, {total:,} acknowledged, 0 lost")
    assert total >= acknowledged
    assert list(folder.glob("*damaged*")) == []  # each start examined what the kill before it left
