"""Which files were judged, kept beside the inspections."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.errors import MessageError, SpoolError
from edge.records import PictureFile
from edge.spool.store import Spool
from tests.support.inspections import inspection

FILE = PictureFile("sub/a.png", 17, 123_456_789, "ab" * 32)


@contextmanager
def opened(folder: Path, *, now: list[float] | None = None, keep_s: float = 100.0) -> Iterator[Spool]:
    spool = Spool(folder / "spool.sqlite", ballast_bytes=4096, keep_s=keep_s, keep_rows=0, clock=lambda: now[0] if now else 0.0)
    try:
        yield spool
    finally:
        spool.close()


@pytest.mark.parametrize(
    "file",
    [
        FILE,
        PictureFile("b.png", 0, -5, None),
        PictureFile(os.fsdecode(b"\xff\xfe.png"), 1, 2, "00" * 32),
        PictureFile("検査 'x'.png", 1 << 40, 1 << 62, "00" * 32),
    ],
    ids=["usual", "unread", "no UTF-8", "Japanese"],
)
def test_a_file_is_known_as_soon_as_its_inspection_is_committed_and_after_a_restart(tmp_path: Path, file: PictureFile) -> None:
    with opened(tmp_path) as spool:
        before = spool.judged_files("s1").find(file.name)
        spool.commit(inspection(1), file=file)
        at_once = spool.judged_files("s1").find(file.name)
    with opened(tmp_path) as spool:
        later, names = spool.judged_files("s1").find(file.name), spool.judged_files("s1").names()

    assert (before, at_once, later) == (None, file, file)
    assert set(names) == {file.name}


def test_stations_know_their_own_files_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.commit(inspection(1, station="s1"), file=FILE)

        assert spool.judged_files("s2").find(FILE.name) is None


def test_a_file_whose_inspection_cannot_be_committed_is_not_judged(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        unsayable = inspection(1, detail="x" * 10)
        object.__setattr__(unsayable, "timings_ms", (("judge", float("nan")),))
        with pytest.raises(MessageError):
            spool.commit(unsayable, file=FILE)
        at_once = spool.judged_files("s1").find(FILE.name)
    with opened(tmp_path) as spool:
        assert (at_once, spool.judged_files("s1").find(FILE.name)) == (None, None)


def test_a_file_that_is_judged_again_is_known_as_it_was_last(tmp_path: Path) -> None:
    newer = PictureFile(FILE.name, 18, 5, "cd" * 32)
    with opened(tmp_path) as spool:
        spool.commit(inspection(1), file=FILE)
        spool.commit(inspection(2), file=newer)
    with opened(tmp_path) as spool:
        assert spool.judged_files("s1").find(FILE.name) == newer


def test_a_file_that_is_gone_is_known_until_it_is_forgotten_and_comes_back_by_being_renewed(tmp_path: Path) -> None:
    now = [0.0]
    with opened(tmp_path, now=now) as spool:
        for number, name in enumerate(("a.png", "b.png", "c.png")):
            spool.commit(inspection(number), file=PictureFile(name, 1, 1, "ab" * 32))
        spool.judged_files("s1").note_gone(["a.png", "b.png", "never.png"])
    with opened(tmp_path, now=now) as spool:
        files = spool.judged_files("s1")
        gone = [files.is_gone(name) for name in ("a.png", "b.png", "c.png", "never.png")]
        files.renew(PictureFile("b.png", 1, 2, "ab" * 32))
        now[0] = 101.0
        spool.prune()
        in_memory = [files.find(name) is not None for name in ("a.png", "b.png", "c.png")]
    with opened(tmp_path, now=now) as spool:
        on_disk = [spool.judged_files("s1").find(name) is not None for name in ("a.png", "b.png", "c.png")]

    assert gone == [True, True, False, False]
    assert in_memory == on_disk == [False, True, True]


def test_renewing_what_was_never_judged_makes_nothing_known(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.judged_files("s1").renew(FILE)

        assert spool.judged_files("s1").find(FILE.name) is None


def test_what_cannot_be_noted_is_an_error_of_the_spool(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.commit(inspection(1), file=FILE)
        files = spool.judged_files("s1")
    with pytest.raises(SpoolError, match="noting judged files"):
        files.note_gone([FILE.name])


def test_a_spool_from_before_is_opened_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        committed = spool.commit(inspection(1))
    with sqlite3.connect(tmp_path / "spool.sqlite") as connection:
        connection.execute("DROP TABLE files")
    connection.close()
    with opened(tmp_path) as spool:
        assert spool.status().moved_aside is None
        assert spool.commit(inspection(2), file=FILE).seq == committed.seq + 1


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_of_a_damaged_spool_the_files_are_taken_over_whose_verdicts_are_not_lost(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.register_sinks({"mqtt": ("s1",)})
        for number, name in enumerate(("delivered.png", "waiting.png", "lost.png", "changed.png")):
            spool.commit(inspection(number), file=PictureFile(name, 1, 1, "ab" * 32))
        (row,) = spool.pending("mqtt", ("s1",), 1)
        spool.mark_delivered("mqtt", [row])
    change(tmp_path / "spool.sqlite", "UPDATE inspections SET body = x'00' WHERE seq = 3")
    change(tmp_path / "spool.sqlite", "UPDATE files SET size = 2 WHERE name = x'6368616e6765642e706e67'")

    with opened(tmp_path) as spool:
        moved_aside, names = spool.status().moved_aside, set(spool.judged_files("s1").names())
        spool.register_sinks({"mqtt": ("s1",)})
        waiting = [row.inspection.seq for row in spool.pending("mqtt", ("s1",), 10)]
    change(tmp_path / "spool.sqlite", "UPDATE files SET size = 2 WHERE name = x'77616974696e672e706e67'")
    with opened(tmp_path) as spool:
        after = set(spool.judged_files("s1").names())

    assert moved_aside is not None
    assert waiting == [2, 4]
    assert names == {"delivered.png", "waiting.png"}
    assert after == {"delivered.png"}


def test_a_file_that_is_forgotten_is_new(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.commit(inspection(1), file=FILE)
        spool.judged_files("s1").forget([FILE.name, "never.png"])
        at_once = spool.judged_files("s1").find(FILE.name)
    with opened(tmp_path) as spool:
        assert (at_once, spool.judged_files("s1").find(FILE.name)) == (None, None)
