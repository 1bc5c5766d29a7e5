from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.errors import MessageError, SpoolError, SpoolFullError
from edge.records import Inspection
from edge.spool.file import open_connection
from edge.spool.store import DEFAULT_KEEP_S, DEFAULT_MAX_BYTES, Pending, Spool
from tests.support.inspections import FULL, inspection

SMALL_BYTES = 200_000
BALLAST_BYTES = 4096
PAGE_BYTES = 4096


@contextmanager
def opened(
    folder: Path,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    keep_s: float = DEFAULT_KEEP_S,
    clock: Callable[[], float] = time.monotonic,
    connect: Callable[[Path], sqlite3.Connection] = open_connection,
) -> Iterator[Spool]:
    spool = Spool(
        folder / "spool.sqlite", max_bytes=max_bytes, keep_s=keep_s, keep_rows=0, ballast_bytes=BALLAST_BYTES, clock=clock, connect=connect
    )
    try:
        yield spool
    finally:
        spool.close()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with opened(tmp_path) as spool:
        yield spool


def commit(spool: Spool, count: int, *, station: str = "s1", first: int = 1) -> list[Inspection]:
    return [spool.commit(inspection(number, station=station)) for number in range(first, first + count)]


def deliver(spool: Spool, count: int, *, sink: str = "mqtt", stations: tuple[str, ...] = ("s1",)) -> list[Pending]:
    rows = list(spool.pending(sink, stations, count))
    for row in rows:
        spool.mark_delivered(sink, [row])
    return rows


def waiting(spool: Spool, sink: str = "mqtt", stations: tuple[str, ...] = ("s1",)) -> list[tuple[str, int]]:
    return [(row.inspection.station, row.inspection.seq) for row in spool.pending(sink, stations, 1000)]


def test_numbers_are_gap_free_per_station(spool: Spool) -> None:
    committed = [spool.commit(inspection(number, station=f"s{number % 3}")) for number in range(9)]

    assert [(i.station, i.seq) for i in committed] == [(f"s{n % 3}", n // 3 + 1) for n in range(9)]
    assert {i.epoch for i in committed} == {spool.epoch}


def test_numbers_have_no_gaps_when_many_threads_commit(spool: Spool) -> None:
    def commit_some(worker: int) -> None:
        for number in range(20):
            spool.commit(inspection(number, station="s1" if number % 2 else "s2", detail=str(worker)))
            spool.commit(replace(inspection(number), id=f"{worker}-{number}"))

    spool.register_sinks({"mqtt": ("s1", "s2")})
    threads = [threading.Thread(target=commit_some, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert waiting(spool) == [("s1", seq) for seq in range(1, 91)]
    assert waiting(spool, stations=("s2",)) == [("s2", seq) for seq in range(1, 11)]


def test_what_is_committed_is_what_is_delivered(spool: Spool) -> None:
    spool.register_sinks({"mqtt": (FULL.station,)})
    committed = spool.commit(FULL)
    (row,) = spool.pending("mqtt", (FULL.station,), 10)
    assert row.inspection == committed == replace(FULL, epoch=spool.epoch, seq=1)


def test_the_same_id_committed_again_gives_what_is_there(spool: Spool) -> None:
    first = spool.commit(inspection(1))
    spool.commit(inspection(2))
    again = spool.commit(inspection(1, detail="a second try"))
    assert again == first
    assert spool.commit(inspection(3)).seq == 3


def test_numbers_and_cursors_go_on_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.register_sinks({"mqtt": ("s1",)})
        commit(spool, 5)
        deliver(spool, 2)
        epoch = spool.epoch
    with opened(tmp_path) as spool:
        spool.register_sinks({"mqtt": ("s1",)})
        assert spool.epoch == epoch
        assert spool.commit(inspection(6)).seq == 6
        assert waiting(spool) == [("s1", seq) for seq in (3, 4, 5, 6)]


def test_numbers_go_on_after_everything_was_pruned(tmp_path: Path) -> None:
    with opened(tmp_path, keep_s=0) as spool:
        commit(spool, 5)
        spool.prune()
    with opened(tmp_path) as spool:
        assert spool.status().rows == 0
        assert spool.commit(inspection(6)).seq == 6


def test_an_inspection_that_cannot_be_encoded_takes_no_number(spool: Spool) -> None:
    with pytest.raises(MessageError):
        spool.commit(replace(inspection(1), timings_ms=(("judge", float("nan")),)))
    assert spool.commit(inspection(2)).seq == 1


def test_each_sink_goes_at_its_own_pace(spool: Spool) -> None:
    spool.register_sinks({"mqtt": ("s1", "s2"), "jsonl": ("s1",)})
    for number in range(4):
        spool.commit(inspection(number, station=f"s{number % 2 + 1}"))

    deliver(spool, 3, stations=("s1", "s2"))

    assert waiting(spool, stations=("s1", "s2")) == [("s2", 2)]
    assert waiting(spool, "jsonl") == [("s1", 1), ("s1", 2)]
    assert spool.status().backlog == {("mqtt", "s1"): 0, ("mqtt", "s2"): 1, ("jsonl", "s1"): 2}
    assert spool.backlog("mqtt", ("s1", "s2")) == 1


def test_stations_of_one_sink_come_in_the_order_of_their_commits(spool: Spool) -> None:
    spool.register_sinks({"mqtt": ("s1", "s2")})
    stations = ["s2", "s1", "s1", "s2", "s1"]
    for number, station in enumerate(stations):
        spool.commit(inspection(number, station=station))
    assert [row.inspection.station for row in spool.pending("mqtt", ("s1", "s2"), 4)] == stations[:4]


def test_a_sink_that_comes_later_begins_with_what_is_committed_next(spool: Spool) -> None:
    spool.register_sinks({"mqtt": ("s1",)})
    commit(spool, 3)
    spool.register_sinks({"mqtt": ("s1",), "jsonl": ("s1",)})
    commit(spool, 1, first=4)
    assert waiting(spool, "jsonl") == [("s1", 4)]
    assert waiting(spool) == [("s1", seq) for seq in (1, 2, 3, 4)]


def test_a_range_is_sent_again_marked_as_replayed_after_what_is_new(spool: Spool) -> None:
    spool.register_sinks({"mqtt": ("s1",)})
    committed = commit(spool, 5)
    deliver(spool, 4)

    assert spool.replay("mqtt", "s1", 2, 3) == 2
    assert spool.backlog("mqtt", ("s1",)) == 3

    assert [row.inspection for row in deliver(spool, 10)] == [committed[4]]
    assert [row.inspection for row in deliver(spool, 10)] == [replace(i, replayed=True) for i in committed[1:3]]
    assert waiting(spool) == []


def test_a_replay_of_what_is_not_there_is_no_error(spool: Spool) -> None:
    spool.register_sinks({"mqtt": ("s1",)})
    commit(spool, 2)
    assert spool.replay("mqtt", "s1", 2, 99) == 1
    assert spool.replay("mqtt", "s1", 1, 2, epoch="another") == 0


def test_what_is_asked_for_twice_is_sent_again_once(spool: Spool) -> None:
    spool.register_sinks({"mqtt": ("s1",)})
    commit(spool, 3)
    deliver(spool, 3)
    assert [spool.replay("mqtt", "s1", 1, 2), spool.replay("mqtt", "s1", 2, 10**30)] == [2, 2]
    assert waiting(spool) == [("s1", 1), ("s1", 2), ("s1", 3)]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("mqtt", "s1", 3, 2), "the lower number first"),
        (("mqtt", "s1", 0, 2), "from 1 on"),
        (("mqtt", "s9", 1, 2), "knows no such output of it, but mqtt of s1"),
        (("fax", "s1", 1, 2), "knows no such output of it, but mqtt of s1"),
    ],
)
def test_a_replay_of_nonsense_is_refused(spool: Spool, asked: tuple[str, str, int, int], why: str) -> None:
    spool.register_sinks({"mqtt": ("s1",)})
    commit(spool, 3)
    deliver(spool, 3)
    with pytest.raises(SpoolError, match=why):
        spool.replay(*asked)
    assert waiting(spool) == []


def test_what_an_output_should_send_again_that_is_no_more_pins_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, keep_s=0) as spool:
        spool.register_sinks({"mqtt": ("s1",), "jsonl": ("s1",)})
        commit(spool, 3)
        deliver(spool, 3)
        deliver(spool, 3, sink="jsonl")
        spool.replay("jsonl", "s1", 1, 3)
        spool.register_sinks({"mqtt": ("s1",)})
        assert spool.prune() == 3


def test_pruning_takes_what_is_old_and_nobody_waits_for(tmp_path: Path) -> None:
    now = [0.0]
    with opened(tmp_path, keep_s=100, clock=lambda: now[0]) as spool:
        spool.register_sinks({"mqtt": ("s1",), "jsonl": ("s1",)})
        commit(spool, 6)
        deliver(spool, 5)
        deliver(spool, 4, sink="jsonl")
        spool.replay("mqtt", "s1", 2, 2)

        assert spool.prune() == 0  # too young
        now[0] = 101.0
        commit(spool, 1, first=7)
        assert spool.prune() == 3  # 1, 3, 4: a replay waits for 2, the file for 5, both for 6

        assert waiting(spool) == [("s1", 6), ("s1", 7)]
        assert waiting(spool, "jsonl") == [("s1", 5), ("s1", 6), ("s1", 7)]
        deliver(spool, 2)
        assert waiting(spool) == [("s1", 2)]


@pytest.mark.parametrize("stepped", [-3_600.0, 365 * 86_400.0, -1_790_000_000.0], ids=["an hour back", "a year on", "to 1970"])
def test_a_step_of_the_wall_clock_prunes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stepped: float) -> None:
    wall = time.time
    with opened(tmp_path, keep_s=100) as spool:
        spool.register_sinks({"mqtt": ("s1",)})
        commit(spool, 6)
        deliver(spool, 3)
        monkeypatch.setattr(time, "time", lambda: wall() + stepped)
        assert spool.prune() == 0
        commit(spool, 1, first=7)
    with opened(tmp_path, keep_s=100) as spool:
        assert spool.prune() == 0
        assert spool.status().rows == 7
        monkeypatch.setattr(time, "time", wall)
        assert spool.prune() == 0


def test_a_row_ages_while_the_spool_is_open(tmp_path: Path) -> None:
    now = [0.0]
    with opened(tmp_path, keep_s=100, clock=lambda: now[0]) as spool:
        commit(spool, 1)
        now[0] = 60.0
        commit(spool, 1, first=2)
    now[0] = 1_000_000.0
    with opened(tmp_path, keep_s=100, clock=lambda: now[0]) as spool:
        assert spool.prune() == 0
        now[0] += 41.0
        assert spool.prune() == 1


def test_the_newest_rows_stay_however_old_they_are(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool.sqlite", keep_s=0, keep_rows=4, ballast_bytes=4096)) as spool:
        commit(spool, 6)
        assert spool.prune() == 2


def test_a_spool_that_cannot_be_closed_leaves_no_file_open(tmp_path: Path) -> None:
    class Broken(sqlite3.Connection):
        def close(self) -> None:
            super().close()
            msg = "disk I/O error"
            raise sqlite3.OperationalError(msg)

    before = len(list(Path("/proc/self/fd").iterdir()))
    spool = Spool(
        tmp_path / "spool.sqlite", ballast_bytes=4096, connect=lambda path: sqlite3.connect(path, isolation_level=None, factory=Broken)
    )
    commit(spool, 1)
    with pytest.raises(sqlite3.OperationalError):
        spool.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_nobody_else_may_read_a_spool(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        commit(spool, 1)
        assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
            f"spool.sqlite{suffix}": 0o600 for suffix in ("", "-wal", "-shm", ".lock", ".mark", ".ballast")
        }


def test_a_sink_that_is_served_no_more_keeps_nothing_back(tmp_path: Path) -> None:
    with opened(tmp_path, keep_s=0) as spool:
        spool.register_sinks({"mqtt": ("s1",), "jsonl": ("s1",)})
        commit(spool, 3)
        deliver(spool, 3)
        assert spool.prune() == 0
        spool.register_sinks({"mqtt": ("s1",)})
        assert spool.prune() == 3


def fill(spool: Spool) -> int:
    for number in range(1, 1_000):
        try:
            spool.commit(inspection(number, detail="x" * 2000))
        except SpoolFullError:
            return number - 1
    pytest.fail("the quota was never reached")


def test_a_full_quota_refuses_and_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, max_bytes=SMALL_BYTES) as spool:
        spool.register_sinks({"mqtt": ("s1",)})
        count = fill(spool)

        with pytest.raises(SpoolFullError, match="used up by undelivered verdicts"):
            spool.commit(inspection(10_000, detail="x" * 2000))

        assert spool.status().full
        assert spool.status().used_bytes <= SMALL_BYTES
        assert waiting(spool) == [("s1", seq) for seq in range(1, count + 1)]


def test_where_not_even_the_log_can_be_written_back_the_spool_is_full(tmp_path: Path) -> None:
    class Full(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # noqa: ANN401 -- as sqlite3 has it
            if full and ("INSERT" in sql or "TRUNCATE" in sql):
                msg = "database or disk is full"
                raise sqlite3.OperationalError(msg)
            return super().execute(sql, *values)

    full: list[bool] = []
    with opened(tmp_path, connect=lambda path: sqlite3.connect(path, isolation_level=None, factory=Full)) as spool:
        full.append(True)
        with pytest.raises(SpoolFullError):
            spool.commit(inspection(1))
        full.clear()
        assert spool.commit(inspection(1)).seq == 1


def test_a_full_spool_takes_verdicts_again_once_some_are_delivered(tmp_path: Path) -> None:
    with opened(tmp_path, max_bytes=SMALL_BYTES) as spool:
        spool.register_sinks({"mqtt": ("s1",)})
        count = fill(spool)

        deliver(spool, 10)
        committed = spool.commit(inspection(10_000, detail="x" * 2000))

        assert committed.seq == count + 1
        assert not spool.status().full
        assert waiting(spool) == [("s1", seq) for seq in range(11, count + 2)]


def test_a_full_quota_makes_room_from_delivered_rows_by_itself(tmp_path: Path) -> None:
    with opened(tmp_path, max_bytes=SMALL_BYTES) as spool:
        spool.register_sinks({"mqtt": ("s1",)})
        for number in range(1, 301):
            assert spool.commit(inspection(number, detail="x" * 2000)).seq == number
            deliver(spool, 1)
        assert spool.status().used_bytes <= SMALL_BYTES


def test_a_folder_that_is_not_there_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="the folder must exist"), opened(tmp_path / "missing"):
        pass


def test_a_second_process_may_look_and_ask_for_a_replay(tmp_path: Path) -> None:
    with opened(tmp_path) as spool, opened(tmp_path) as other:
        spool.register_sinks({"mqtt": ("s1",)})
        commit(spool, 3)
        deliver(spool, 3)
        assert other.replay("mqtt", "s1", 1, 1) == 1
        assert [row.inspection.seq for row in deliver(spool, 5)] == [1]
        assert other.epoch == spool.epoch


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.close()


def test_the_file_is_in_wal_mode_and_fully_synchronous(tmp_path: Path) -> None:
    asked: list[str] = []

    def watched(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.set_trace_callback(asked.append)
        return connection

    with opened(tmp_path, connect=watched):
        assert "PRAGMA journal_mode = WAL" in asked
        assert "PRAGMA synchronous = FULL" in asked
