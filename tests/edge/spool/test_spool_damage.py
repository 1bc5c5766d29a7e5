from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from edge.errors import SpoolError
from edge.spool.store import Spool
from tests.support.inspections import inspection

ROWS, DELIVERED = 60, 20
WAITING = [("before", seq) for seq in range(DELIVERED + 1, ROWS + 1)]


def opened(folder: Path) -> Spool:
    spool = Spool(folder / "spool.sqlite", ballast_bytes=4096, new_epoch=lambda: "after", clock=lambda: 0.0)
    spool.register_sinks({"mqtt": ("s1",)})
    return spool


def waiting(spool: Spool) -> list[tuple[str, int]]:
    return [(row.inspection.epoch, row.inspection.seq) for row in spool.pending("mqtt", ("s1",), 1000)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Hold a spool as a kill leaves it: some of it in the database, some in the write-ahead log."""
    live = tmp_path / "live"
    live.mkdir()
    spool = Spool(live / "spool.sqlite", ballast_bytes=4096, new_epoch=lambda: "before", clock=lambda: 0.0)
    spool.register_sinks({"mqtt": ("s1",)})
    for number in range(ROWS // 2):
        spool.commit(inspection(number, detail="x" * 1000))
    sqlite3.connect(live / "spool.sqlite").execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    for row in spool.pending("mqtt", ("s1",), DELIVERED):
        spool.mark_delivered("mqtt", row)
    for number in range(ROWS // 2, ROWS):
        spool.commit(inspection(number, detail="x" * 1000))
    # Damage in the last transaction of the log cannot be told from one that a power cut tore: here it holds nothing new.
    spool.register_sinks({"mqtt": ("s1",)})
    folder = tmp_path / "killed"
    folder.mkdir()
    for name in ("spool.sqlite", "spool.sqlite-wal"):
        shutil.copy(live / name, folder)
    spool.close()
    return folder


def overwrite(path: Path, place: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def test_a_spool_without_damage_goes_on(folder: Path) -> None:
    spool = opened(folder)

    assert spool.status().moved_aside is None
    assert waiting(spool) == WAITING
    assert spool.commit(inspection(ROWS)).seq == ROWS + 1
    assert spool.epoch == "before"
    spool.close()


def test_a_damaged_spool_is_moved_aside_and_what_is_whole_is_delivered_under_its_old_numbers(folder: Path) -> None:
    database = folder / "spool.sqlite"
    place = database.read_bytes().index(b'"s1-25"')
    overwrite(database, place, b'"s1-52"')

    spool = opened(folder)
    committed = spool.commit(inspection(ROWS))

    aside = spool.status().moved_aside
    assert aside is not None
    assert b'"s1-52"' in aside.read_bytes()
    assert (spool.epoch, committed.epoch, committed.seq) == ("after", "after", 1)
    assert waiting(spool) == [key for key in WAITING if key != ("before", 26)] + [("after", 1)]
    spool.close()


def test_a_file_that_is_no_database_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite").write_bytes(b"not a database" * 1000)

    spool = opened(tmp_path)

    assert spool.status().moved_aside == tmp_path / "spool.sqlite.damaged-19700101T000000.000000"
    assert spool.commit(inspection(1)).seq == 1
    spool.close()


def test_a_log_that_breaks_off_before_its_end_is_noticed(folder: Path) -> None:
    log = folder / "spool.sqlite-wal"
    overwrite(log, log.stat().st_size // 2, b"\xff" * 64)

    spool = opened(folder)

    assert spool.status().moved_aside is not None
    assert waiting(spool)[:5] == WAITING[:5]
    spool.close()


@pytest.mark.parametrize("change", ["UPDATE stations SET seq = 10", "UPDATE cursors SET row = 55", "UPDATE spool SET epoch = 'other'"])
def test_a_number_that_changed_on_disk_is_noticed(folder: Path, change: str) -> None:
    connection = sqlite3.connect(folder / "spool.sqlite")
    connection.execute(change)
    connection.commit()
    connection.close()

    spool = opened(folder)

    assert spool.status().moved_aside is not None
    assert set(WAITING) <= set(waiting(spool))
    spool.close()


def test_a_spool_that_another_process_uses_is_never_moved_aside(folder: Path) -> None:
    first = opened(folder)
    overwrite(folder / "spool.sqlite", 0, b"\0" * 4096)
    shutil.copy(folder / "spool.sqlite", folder / "copy")

    with pytest.raises(SpoolError):
        Spool(folder / "spool.sqlite", ballast_bytes=4096, connect=lambda _: sqlite3.connect(folder / "copy", isolation_level=None))

    assert [path.name for path in folder.iterdir() if "damaged" in path.name] == []
    first.close()


@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 200), marks=pytest.mark.soak)], ids=["40", "160"])
def test_random_damage_is_noticed_or_did_no_harm(folder: Path, tmp_path: Path, seeds: range) -> None:
    noticed = 0
    for seed in seeds:
        dice = random.Random(seed)
        harmed = tmp_path / f"harmed{seed}"
        shutil.copytree(folder, harmed)
        victim = harmed / dice.choice(["spool.sqlite", "spool.sqlite-wal"])
        overwrite(victim, dice.randrange(victim.stat().st_size), dice.randbytes(dice.choice([1, 16, 512, 4096])))

        spool = opened(harmed)
        found = waiting(spool)
        committed = spool.commit(inspection(ROWS))

        if spool.status().moved_aside is None:
            assert found == WAITING, seed
            assert (committed.epoch, committed.seq) == ("before", ROWS + 1), seed
        else:
            noticed += 1
            assert [key for key in found if key in WAITING] == sorted(set(found) & set(WAITING)), seed
            assert (committed.epoch, committed.seq) == ("after", 1), seed
        assert waiting(spool)[-1] == (committed.epoch, committed.seq), seed
        spool.close()
    assert noticed > len(seeds) // 2
