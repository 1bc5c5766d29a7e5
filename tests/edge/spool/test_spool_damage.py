from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import SpoolError, SpoolFullError
from edge.spool import file
from edge.spool.damage import finish_moves, unread
from edge.spool.store import Spool
from tests.support.inspections import inspection
from tests.support.killed_spool import ROWS, WAITING, leave_killed, opened, overwrite, waiting


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Hold a spool as a kill leaves it, without its mark."""
    folder = leave_killed(tmp_path)
    (folder / "spool.sqlite.mark").unlink()
    return folder


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

    assert spool.status().moved_aside == next(tmp_path.glob("spool.sqlite.damaged-*"))
    assert spool.commit(inspection(1)).seq == 1
    spool.close()


def test_a_log_that_breaks_off_before_its_end_is_noticed(folder: Path) -> None:
    log = folder / "spool.sqlite-wal"
    overwrite(log, log.stat().st_size // 2, b"\xff" * 64)

    spool = opened(folder)

    aside = spool.status().moved_aside
    assert aside is not None
    assert aside.with_name(aside.name + "-wal").stat().st_size > 0  # people may still read what SQLite does not
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


def kept(folder: Path) -> Path:
    """The mark of the spool that was killed, beside its copy."""
    shutil.copy(folder.parent / "live" / "spool.sqlite.mark", folder)
    return folder


def emptied(folder: Path) -> None:
    (folder / "spool.sqlite").write_bytes(b"")


def gone(folder: Path) -> None:
    for name in ("spool.sqlite", "spool.sqlite-wal"):
        (folder / name).unlink()


def without_log(folder: Path) -> None:
    (folder / "spool.sqlite-wal").unlink()


def log_cut_between_frames(folder: Path) -> None:
    log = folder / "spool.sqlite-wal"
    connection = sqlite3.connect(folder / "spool.sqlite")
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    frame = 24 + page_bytes
    content = log.read_bytes()
    connection.close()
    log.write_bytes(content[: 32 + (len(content) - 32) // frame // 2 * frame])


def log_emptied(folder: Path) -> None:
    (folder / "spool.sqlite-wal").write_bytes(b"")


LACKING = [emptied, gone, without_log, log_cut_between_frames, log_emptied]


@pytest.mark.parametrize("harm", LACKING, ids=lambda harm: harm.__name__)
def test_a_sound_spool_that_lacks_verdicts_is_moved_aside_and_no_number_is_used_twice(folder: Path, harm: Callable[[Path], None]) -> None:
    harm(kept(folder))

    spool = opened(folder)
    committed = spool.commit(inspection(ROWS))

    assert spool.status().moved_aside is not None
    assert (committed.epoch, committed.seq) == ("after", 1)
    assert waiting(spool)[-1] == ("after", 1)
    spool.close()


@pytest.mark.parametrize("harm", LACKING, ids=lambda harm: harm.__name__)
def test_without_a_mark_the_same_harm_goes_unnoticed(folder: Path, harm: Callable[[Path], None]) -> None:
    harm(folder)

    spool = opened(folder)

    assert spool.status().moved_aside is None
    spool.close()


def test_a_spool_from_before_gets_a_mark(folder: Path) -> None:
    opened(folder).close()
    emptied(folder)

    spool = opened(folder)

    assert spool.status().moved_aside is not None
    spool.close()


@pytest.mark.parametrize("sector", [0, 4096])
def test_a_mark_that_was_torn_still_holds(folder: Path, sector: int) -> None:
    overwrite(kept(folder) / "spool.sqlite.mark", sector, b"\0" * 512)

    spool = opened(folder)

    assert spool.status().moved_aside is None
    assert waiting(spool) == WAITING
    spool.close()


def test_an_older_copy_of_the_spool_is_not_taken_for_the_present_one(folder: Path, tmp_path: Path) -> None:
    older = shutil.copytree(folder, tmp_path / "older")
    spool = opened(folder)
    spool.commit(inspection(ROWS))
    spool.close()
    shutil.copy(older / "spool.sqlite", folder)
    shutil.copy(older / "spool.sqlite-wal", folder)

    spool = opened(folder)

    assert spool.status().moved_aside is not None
    assert spool.commit(inspection(ROWS + 1)).epoch == "after"
    spool.close()


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from edge.spool.store import Spool

left = int(sys.argv[2])
CHANGES = {"os.link", "os.remove", "os.rename", "sqlite3.connect", "os.truncate"}

def die(event, arguments):
    global left
    changes = event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT)
    if changes and ".lock" not in str(arguments[0]):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

folder = Path(sys.argv[1])
sys.addaudithook(die)
spool = Spool(folder / "spool.sqlite", ballast_bytes=4096, new_epoch=lambda: "between")
"""


@pytest.mark.parametrize("number", range(30))
def test_killed_while_a_damaged_spool_is_moved_aside_nothing_whole_is_lost(folder: Path, number: int) -> None:
    """The process dies at the first, second, ... call that changes the disk; the next start ends what was begun."""
    place = (kept(folder) / "spool.sqlite").read_bytes().index(b'"s1-25"')
    overwrite(folder / "spool.sqlite", place, b'"s1-52"')
    killed = subprocess.run([sys.executable, "-c", KILLED_AT, str(folder), str(number)], capture_output=True, text=True, check=False)
    assert killed.returncode in {0, -9}, killed.stderr

    spool = opened(folder)
    found = waiting(spool)
    committed = spool.commit(inspection(ROWS))

    assert set(WAITING) - {("before", 26)} <= set(found)
    assert committed.epoch in {"between", "after"}
    assert committed.seq == 1
    assert unread(folder / "spool.sqlite") == []
    aside = spool.status().moved_aside
    assert aside is not None
    assert b'"s1-52"' in aside.read_bytes()
    spool.close()


def test_the_alarm_lasts_until_the_damaged_file_is_taken_away(folder: Path) -> None:
    emptied(kept(folder))
    opened(folder).close()
    spool = opened(folder)
    aside = spool.status().moved_aside
    assert aside is not None
    aside.rename(folder / "elsewhere")
    assert spool.status().moved_aside is None
    spool.close()


def test_what_does_not_fit_on_the_disk_is_taken_over_by_a_later_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overwrite(folder / "spool.sqlite", (folder / "spool.sqlite").read_bytes().index(b'"s1-25"'), b'"s1-52"')

    def full(*_: object) -> int:
        msg = "database or disk is full"
        raise sqlite3.OperationalError(msg)

    with monkeypatch.context() as disk:
        disk.setattr(file, "_rescue", full)
        spool = opened(folder)
        assert spool.commit(inspection(ROWS)).seq == 1
        assert spool.status().moved_aside is not None
        spool.close()
    spool = opened(folder)
    assert set(WAITING) - {("before", 26)} <= set(waiting(spool))
    assert spool.epoch == "after"
    spool.close()
    before = set(folder.glob("*.damaged-*"))
    emptied(folder)  # the mark still watches
    opened(folder).close()
    assert set(folder.glob("*.damaged-*")) > before


def test_on_a_disk_without_hard_links_it_is_moved_aside_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    emptied(kept(folder))
    spool = opened(folder)
    assert spool.status().moved_aside is not None
    assert spool.commit(inspection(ROWS)).epoch == "after"
    spool.close()


def test_a_log_that_is_not_the_set_s_is_left_where_it_is(folder: Path) -> None:
    """Another process went on with a file that was half moved aside: its write-ahead log holds new verdicts."""
    os.link(folder / "spool.sqlite", folder / "spool.sqlite.unread-1")
    finish_moves(folder / "spool.sqlite")
    assert not (folder / "spool.sqlite").exists()
    assert (folder / "spool.sqlite-wal").exists()


@pytest.mark.parametrize("content", ["e \u00b2 5", "e 5", "", "e 5 x", "\x00" * 9000])
def test_what_is_no_mark_is_none(folder: Path, content: str) -> None:
    (folder / "spool.sqlite.mark").write_text(content)
    spool = opened(folder)
    assert spool.status().moved_aside is None
    spool.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may own files of others")
def test_a_look_by_root_leaves_the_mark_to_the_owner_of_the_spool(folder: Path) -> None:
    os.chown(folder / "spool.sqlite", 12345, 12345)
    opened(folder).close()
    assert (folder / "spool.sqlite.mark").stat().st_uid == 12345


def test_a_spool_that_an_earlier_version_filled_to_its_quota_is_opened(tmp_path: Path) -> None:
    def quota() -> Spool:
        spool = Spool(tmp_path / "spool.sqlite", ballast_bytes=4096, max_bytes=400_000)
        spool.register_sinks({"mqtt": ("s1",)})
        return spool

    spool = quota()
    with contextlib.suppress(SpoolFullError):
        for number in range(10_000):
            spool.commit(inspection(number, detail="x" * 1000))
    assert spool.status().full
    spool.close()
    earlier = sqlite3.connect(tmp_path / "spool.sqlite")
    earlier.executescript("DROP TABLE rescued; CREATE TABLE other (name TEXT PRIMARY KEY);")  # it takes the two pages
    assert earlier.execute("PRAGMA freelist_count").fetchone() == (0,)
    earlier.close()
    spool = quota()
    assert len(spool.pending("mqtt", ("s1",), 10)) == 10
    spool.close()
