"""Power cuts at random writes: why the spool synchronises every commit (synchronous=FULL)."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge.errors import SpoolError
from edge.spool.store import Spool
from tests.support.inspections import inspection
from tests.support.power import Connection, Disk

# What SQLite still tries when it closes a file on a disk without power, nobody hears.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CUTS_PER_FILE = 25
MOST_CALLS = 400
"""A commit takes about a dozen writes and synchronisations, a start a few dozen."""

SAMPLE = inspection(0)


@dataclass
class Outcome:
    acknowledged: int = 0
    lost: int = 0
    moved_aside: int = 0


def one_life(path: Path, life: int, dice: random.Random, synchronous: str) -> list[tuple[str, int]]:
    """Commit until the power goes, and give what was acknowledged."""
    disk = Disk(f"disk-{path.name}-{life}", dice=dice, calls_left=dice.randint(1, MOST_CALLS))
    said: list[tuple[str, int]] = []
    with contextlib.suppress(SpoolError):
        spool = Spool(path, ballast_bytes=4096, connect=lambda path: Connection(path, disk, synchronous=synchronous))  # type: ignore[arg-type,return-value]
        try:
            spool.register_sinks({"mqtt": ("s1",)})
            while True:
                committed = spool.commit(replace(SAMPLE, id=f"{life}-{len(said)}"))
                said.append((committed.id, committed.seq))
                if dice.random() < 0.1:
                    for row in spool.pending("mqtt", ("s1",), 5):
                        spool.mark_delivered("mqtt", [row])
        finally:
            with contextlib.suppress(sqlite3.Error):
                spool.close()
    disk.settle()
    return said


def power_cuts(folder: Path, cuts: int, synchronous: str) -> Outcome:
    dice, outcome = random.Random(1), Outcome()
    for file in range(cuts // CUTS_PER_FILE):
        path = folder / f"spool{file}.sqlite"
        said = [line for life in range(CUTS_PER_FILE) for line in one_life(path, life, dice, synchronous)]

        Spool(path, ballast_bytes=4096).close()
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT id, seq FROM inspections ORDER BY row").fetchall()
        connection.close()
        outcome.acknowledged += len(said)
        outcome.lost += len(set(said) - set(rows))
        outcome.moved_aside += len(list(folder.glob(f"{path.name}.damaged-*")))
        if synchronous == "FULL":
            assert [seq for _, seq in rows] == list(range(1, len(rows) + 1))
    return outcome


@pytest.mark.parametrize("cuts", [pytest.param(1000, marks=pytest.mark.long), pytest.param(5000, marks=pytest.mark.soak)])
def test_no_acknowledged_verdict_is_lost_at_a_power_cut(tmp_path: Path, cuts: int) -> None:
    outcome = power_cuts(tmp_path, cuts, "FULL")

    assert outcome.acknowledged > 5 * cuts
    assert outcome.lost == 0
    assert outcome.moved_aside == 0  # nor is a torn log taken for damage


def test_the_same_cuts_lose_verdicts_where_commits_are_not_synchronised(tmp_path: Path) -> None:
    outcome = power_cuts(tmp_path, 100, "NORMAL")
    assert outcome.lost > 0
