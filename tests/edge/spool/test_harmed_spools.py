"""Spools harmed in every way that a disk or a hand can: the harm is noticed or did nothing, and no number is used twice."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.inspections import inspection
from tests.support.killed_spool import ROWS, WAITING, leave_killed, opened, overwrite, waiting
from tests.support.memory_folder import folder_in_memory

DATABASE, LOG, MARK = "spool.sqlite", "spool.sqlite-wal", "spool.sqlite.mark"
SPOOLS, UP_S = 250, 5.0


def overwritten(folder: Path, dice: random.Random) -> None:
    victim = folder / dice.choice([DATABASE, LOG])
    overwrite(victim, dice.randrange(victim.stat().st_size), dice.randbytes(dice.choice([1, 16, 512, 4096])))


def zeroed(folder: Path, dice: random.Random) -> None:
    victim = folder / dice.choice([DATABASE, LOG])
    overwrite(victim, dice.randrange(victim.stat().st_size) // 512 * 512, bytes(dice.choice([512, 4096, 65536])))


def cut(folder: Path, dice: random.Random) -> None:
    victim = folder / dice.choice([DATABASE, LOG])
    victim.write_bytes(victim.read_bytes()[: dice.randrange(victim.stat().st_size)])


def emptied(folder: Path, dice: random.Random) -> None:
    (folder / dice.choice([DATABASE, LOG])).write_bytes(b"")


def gone(folder: Path, dice: random.Random) -> None:
    for name in dice.choice([[DATABASE], [LOG], [DATABASE, LOG]]):
        (folder / name).unlink()


def older(folder: Path, dice: random.Random) -> None:
    """Put back what somebody had saved: the database without the log's later half, or with none."""
    log = folder / LOG
    log.write_bytes(log.read_bytes()[: 32 + (24 + 4096) * dice.randrange(40)])


def marked_wrongly(folder: Path, dice: random.Random) -> None:
    overwrite(folder / MARK, dice.choice([0, 4096]), dice.randbytes(dice.choice([1, 64, 4096])))


def longer(folder: Path, dice: random.Random) -> None:
    with (folder / dice.choice([DATABASE, LOG])).open("ab") as file:
        file.write(dice.randbytes(dice.choice([1, 4096, 65536])))


HARMS: list[Callable[[Path, random.Random], None]] = [overwritten, zeroed, cut, emptied, gone, older, marked_wrongly, longer]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with folder_in_memory(tmp_path) as folder:
        yield folder


def test_harm_is_noticed_or_did_nothing_and_no_number_is_used_twice(folder: Path, record_property: Callable[[str, object], None]) -> None:
    killed, noticed, slowest_s = leave_killed(folder), Counter[str](), 0.0
    for number in range(SPOOLS):
        dice, harm = random.Random(number), HARMS[number % len(HARMS)]
        harmed = shutil.copytree(killed, folder / "harmed")
        harm(harmed, dice)

        began = time.monotonic()
        spool = opened(harmed)
        slowest_s = max(slowest_s, time.monotonic() - began)
        found = waiting(spool)
        committed = spool.commit(inspection(ROWS))

        case = (number, harm.__name__)
        if spool.status().moved_aside is None:
            assert found == WAITING, case
            assert (committed.epoch, committed.seq) == ("before", ROWS + 1), case
        else:
            noticed[harm.__name__] += 1
            assert [key for key in found if key in WAITING] == sorted(set(found) & set(WAITING)), case
            assert (committed.epoch, committed.seq) == ("after", 1), case
        after = waiting(spool)
        assert after[-1] == (committed.epoch, committed.seq), case
        assert len(set(after)) == len(after), case
        spool.close()
        shutil.rmtree(harmed)

    figures = f"{SPOOLS} harmed spools, {noticed.total()} noticed, the others unharmed, 0 lost in silence, 0 numbers used twice"
    record_property("R10", f"{figures}; opened within {slowest_s:.2f} s")
    assert noticed.total() > SPOOLS // 2
    assert slowest_s <= UP_S
