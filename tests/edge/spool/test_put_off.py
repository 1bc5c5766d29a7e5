"""After an outage the newest verdicts go first, and the backlog that was put off for them follows: none is lost, none comes twice."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.errors import SpoolError
from edge.spool.cursors import NEWEST_ROWS
from edge.spool.store import Pending, Spool
from tests.support.inspections import inspection

BACKLOG = 60
PUT_OFF = BACKLOG - NEWEST_ROWS


def opened(folder: Path, *, epoch: str = "e1") -> Spool:
    spool = Spool(folder / "spool.sqlite", ballast_bytes=4096, keep_rows=0, new_epoch=lambda: epoch, clock=lambda: 0.0)
    spool.register_sinks({"mqtt": ("s1", "s2")})
    return spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = opened(tmp_path)
    yield spool
    spool.close()


def commit(spool: Spool, count: int, *, station: str = "s1") -> None:
    first = 1 + max((row.inspection.seq for row in spool.pending("mqtt", (station,), 10_000)), default=0)
    for number in range(first, first + count):
        spool.commit(inspection(number, station=station))


def pending(spool: Spool, limit: int = 10_000) -> tuple[Pending, ...]:
    return spool.pending("mqtt", ("s1", "s2"), limit)


def numbers(rows: tuple[Pending, ...]) -> list[int]:
    return [row.inspection.seq for row in rows]


def drained(spool: Spool) -> list[int]:
    """Deliver all that waits, some rows at a time; returns the numbers in their order."""
    order: list[int] = []
    while rows := pending(spool, 7):
        spool.mark_delivered("mqtt", rows)
        order += numbers(rows)
    return order


def test_the_newest_and_what_comes_next_go_before_the_backlog(spool: Spool) -> None:
    commit(spool, BACKLOG)
    assert spool.put_off("mqtt", ("s1",), more_than=NEWEST_ROWS)
    spool.commit(inspection(BACKLOG + 1))

    assert drained(spool) == [*range(PUT_OFF + 1, BACKLOG + 2), *range(1, PUT_OFF + 1)]
    assert spool.backlog("mqtt", ("s1",)) == 0


def test_a_small_backlog_stays_in_order(spool: Spool) -> None:
    commit(spool, BACKLOG)
    assert not spool.put_off("mqtt", ("s1",), more_than=BACKLOG)
    assert drained(spool) == list(range(1, BACKLOG + 1))


def test_a_backlog_may_be_put_off_again_and_again(spool: Spool) -> None:
    went: list[int] = []
    for outage in range(3):
        for number in range(BACKLOG):
            spool.commit(inspection(outage * BACKLOG + number))
        rows = pending(spool, 5)
        spool.mark_delivered("mqtt", rows)
        went += numbers(rows)
        assert spool.put_off("mqtt", ("s1",), more_than=NEWEST_ROWS)
    assert spool.backlog("mqtt", ("s1",)) == 3 * BACKLOG - len(went)
    went += drained(spool)
    assert sorted(went) == list(range(1, 3 * BACKLOG + 1))


def test_what_is_put_off_while_nothing_goes_out_is_one_span(tmp_path: Path, spool: Spool) -> None:
    for outage in range(5):
        for number in range(BACKLOG):
            spool.commit(inspection(outage * BACKLOG + number))
        assert spool.put_off("mqtt", ("s1",), more_than=NEWEST_ROWS)
    with closing(sqlite3.connect(tmp_path / "spool.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM put_off").fetchone() == (1,)
    assert drained(spool) == [*range(5 * BACKLOG - NEWEST_ROWS + 1, 5 * BACKLOG + 1), *range(1, 5 * BACKLOG - NEWEST_ROWS + 1)]


def test_each_station_is_put_off_by_itself(spool: Spool) -> None:
    commit(spool, BACKLOG)
    commit(spool, 5, station="s2")
    spool.put_off("mqtt", ("s1", "s2"), more_than=NEWEST_ROWS)
    first = [(row.inspection.station, row.inspection.seq) for row in pending(spool)]
    assert [seq for station, seq in first if station == "s2"] == [1, 2, 3, 4, 5]
    assert [seq for station, seq in first if station == "s1"] == list(range(PUT_OFF + 1, BACKLOG + 1))
    assert spool.backlog("mqtt", ("s1", "s2")) == BACKLOG + 5


def test_what_is_under_way_is_not_fetched_again(spool: Spool) -> None:
    commit(spool, BACKLOG)
    spool.put_off("mqtt", ("s1",), more_than=NEWEST_ROWS)
    first = spool.pending("mqtt", ("s1",), NEWEST_ROWS)
    then = spool.pending("mqtt", ("s1",), 10, under_way=first)
    assert numbers(then) == list(range(1, 11))
    assert numbers(spool.pending("mqtt", ("s1",), 10, under_way=[*first, *then])) == list(range(11, 21))


def test_nothing_that_was_put_off_is_pruned(tmp_path: Path) -> None:
    now = [0.0]
    spool = Spool(tmp_path / "spool.sqlite", ballast_bytes=4096, keep_s=10, keep_rows=0, clock=lambda: now[0])
    spool.register_sinks({"mqtt": ("s1",)})
    commit(spool, BACKLOG)
    spool.put_off("mqtt", ("s1",), more_than=NEWEST_ROWS)
    spool.mark_delivered("mqtt", spool.pending("mqtt", ("s1",), NEWEST_ROWS + 3))
    now[0] = 100.0
    spool.prune()
    assert spool.status().rows == spool.backlog("mqtt", ("s1",)) == PUT_OFF
    spool.mark_delivered("mqtt", spool.pending("mqtt", ("s1",), 1000))
    spool.prune()
    assert spool.status().rows == 0
    spool.close()


def test_it_is_still_put_off_after_a_kill(tmp_path: Path, spool: Spool) -> None:
    commit(spool, BACKLOG)
    spool.put_off("mqtt", ("s1",), more_than=NEWEST_ROWS)
    spool.mark_delivered("mqtt", pending(spool, NEWEST_ROWS))
    spool.mark_delivered("mqtt", pending(spool, 4))
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("spool.sqlite", "spool.sqlite-wal", "spool.sqlite.mark"):
        shutil.copy(tmp_path / name, killed)

    again = opened(killed, epoch="e2")
    assert again.epoch == "e1"
    assert drained(again) == list(range(5, PUT_OFF + 1))
    again.close()


@pytest.mark.parametrize("change", ["row = row + 5", "last_row = last_row - 5", "station = 's2'"])
def test_a_changed_note_of_what_was_put_off_is_damage_and_loses_nothing(tmp_path: Path, change: str) -> None:
    spool = opened(tmp_path)
    commit(spool, BACKLOG)
    spool.put_off("mqtt", ("s1",), more_than=NEWEST_ROWS)
    spool.close()
    with sqlite3.connect(tmp_path / "spool.sqlite") as connection:
        connection.execute(f"UPDATE put_off SET {change}")  # noqa: S608
    connection.close()

    spool = opened(tmp_path, epoch="e2")
    assert spool.epoch == "e2"
    assert spool.status().moved_aside is not None
    assert {row.inspection.seq for row in pending(spool)} >= set(range(1, BACKLOG + 1))
    spool.close()


def test_what_was_put_off_is_rescued_from_a_damaged_spool(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    commit(spool, BACKLOG)
    spool.put_off("mqtt", ("s1",), more_than=NEWEST_ROWS)
    spool.mark_delivered("mqtt", pending(spool, NEWEST_ROWS))
    spool.close()
    with sqlite3.connect(tmp_path / "spool.sqlite") as connection:
        connection.execute("UPDATE stations SET seq = 3")
    connection.close()

    spool = opened(tmp_path, epoch="e2")
    assert {row.inspection.seq for row in pending(spool)} >= set(range(1, PUT_OFF + 1))
    assert {row.inspection.epoch for row in pending(spool)} == {"e1"}
    spool.close()


def test_putting_off_for_an_output_that_is_closed_says_so(spool: Spool) -> None:
    spool.close()
    with pytest.raises(SpoolError):
        spool.put_off("mqtt", ("s1",), more_than=1)
