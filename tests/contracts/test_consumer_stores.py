"""What holds for every database of a consumer. A new one joins with a line in `STORES`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest

from edge.consumer import LineProtocolStore, PostgresStore, SqliteStore
from edge.consumer.gaps import Gap, GapState
from edge.consumer.messages import VerdictMessage, read_verdict
from edge.consumer.positions import Draft, Positions, Stream
from edge.consumer.spans import Span
from edge.consumer.store import Rejected, Store
from edge.errors import StoreError
from edge.message import encode
from tests.support.inspections import FULL
from tests.support.points import read_point
from tests.support.postgres import Postgres, made_postgres, running_postgres
from tests.support.scripted_box import verdict

AT = datetime(2026, 5, 4, 8, 0, 0, 123000, tzinfo=timezone.utc)
STREAM = Stream("cell-01", "e1")


@dataclass
class Tried:
    """A store, one that a second process would open, and how to see the (station, epoch, seq) of all verdicts in it."""

    store: Store
    again: Callable[[], Store]
    verdicts: Callable[[], list[tuple[str, str, int]]]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with made_postgres() as made:
        yield made


@pytest.fixture
def postgres(server: Postgres) -> Iterator[Postgres]:
    with running_postgres(server):
        yield server


def sqlite(folder: Path, _: pytest.FixtureRequest) -> Iterator[Tried]:
    path = folder / "verdicts.sqlite"

    def verdicts() -> list[tuple[str, str, int]]:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("SELECT station, epoch, seq FROM verdicts ORDER BY epoch, seq").fetchall()

    yield Tried(SqliteStore(path), lambda: SqliteStore(path), verdicts)


def line_protocol(folder: Path, _: pytest.FixtureRequest) -> Iterator[Tried]:
    path = folder / "verdicts.lp"

    def verdicts() -> list[tuple[str, str, int]]:
        points = [read_point(line) for line in path.read_text().split("\n")[:-1]]
        rows = [(point.tags["station"], str(point.fields["epoch"]), int(point.fields["seq"])) for point in points]
        return sorted(rows, key=lambda row: row[1:])

    yield Tried(LineProtocolStore(path), lambda: LineProtocolStore(path), verdicts)


def postgresql(_: Path, request: pytest.FixtureRequest) -> Iterator[Tried]:
    server: Postgres = request.getfixturevalue("postgres")

    def verdicts() -> list[tuple[str, str, int]]:
        with psycopg.connect(server.dsn) as connection:
            return connection.execute("SELECT station, epoch, seq FROM kotoba.verdicts ORDER BY epoch, seq").fetchall()

    yield Tried(PostgresStore(server.dsn), lambda: PostgresStore(server.dsn), verdicts)


STORES = [sqlite, postgresql, line_protocol]


@pytest.fixture(params=STORES, ids=lambda make: make.__name__)
def tried(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tried]:
    for made in request.param(tmp_path, request):
        yield made
        made.store.close()


def message(seq: int, *, epoch: str = "e1") -> VerdictMessage:
    return read_verdict(encode(verdict(seq, epoch=epoch)), station="cell-01")


def put(store: Store, positions: Positions, *seqs: int, fail: bool = False) -> None:
    """Store verdicts as a consumer does, in one transaction."""
    draft = Draft(positions)
    with store.transaction() as transaction:
        for seq in seqs:
            draft.receive(STREAM, seq, AT)
            assert transaction.add(message(seq), AT)
        for position in draft.changed:
            transaction.write_position(positions.get(position.stream), position)
        if fail:
            raise RuntimeError
    positions.take(draft)


def test_what_was_committed_is_there_after_it_was_opened_again(tried: Tried) -> None:
    first = tried.store.open("plant/line1")
    put(tried.store, Positions(), 1, 2, 4)
    tried.store.close()

    kept = tried.store.open("plant/line1")
    assert kept.consumer == first.consumer
    assert tried.verdicts() == [("cell-01", "e1", seq) for seq in (1, 2, 4)]
    (position,) = kept.positions
    assert (position.stream, position.baseline, list(position.received)) == (STREAM, 1, [Span(1, 2), Span(4, 4)])
    assert (position.since, position.last_at) == (AT, AT)


def test_a_transaction_that_fails_leaves_nothing(tried: Tried) -> None:
    tried.store.open("plant/line1")
    positions = Positions()
    put(tried.store, positions, 1)
    with pytest.raises(RuntimeError):
        put(tried.store, positions, 2, 3, fail=True)

    kept = tried.store.recover()
    assert tried.verdicts() == [("cell-01", "e1", 1)]
    assert list(kept.positions[0].received) == [Span(1, 1)]
    put(tried.store, positions, 2)
    assert tried.verdicts() == [("cell-01", "e1", 1), ("cell-01", "e1", 2)]


def test_spans_that_grow_together_are_one_row(tried: Tried) -> None:
    tried.store.open("plant/line1")
    positions = Positions()
    for seqs in ((1, 2), (5, 6), (9,), (3, 4), (8,), (7,)):
        put(tried.store, positions, *seqs)
    assert list(tried.store.recover().positions[0].received) == [Span(1, 9)]


def test_gaps_are_kept_until_they_are_filled(tried: Tried) -> None:
    tried.store.open("plant/line1")
    put(tried.store, Positions(), 1, 30)
    later = AT + timedelta(seconds=20)
    gaps = [
        Gap(STREAM, Span(2, 9), GapState.OPEN, AT),
        Gap(STREAM, Span(10, 19), GapState.ASKED, AT, later, 2),
        Gap(STREAM, Span(20, 29), GapState.LOST, AT, AT, 1, later),
    ]
    with tried.store.transaction() as transaction:
        transaction.write_gaps([], gaps)
    assert list(tried.store.recover().gaps) == gaps

    filled = Gap(STREAM, Span(2, 9), GapState.FILLED, AT, None, 0, later)
    with tried.store.transaction() as transaction:
        transaction.write_gaps(gaps, [filled, *gaps[1:]])
    assert list(tried.store.recover().gaps) == gaps[1:]
    seen = tried.store.look()
    assert seen.verdicts == {("cell-01", GapState.FILLED): 8, ("cell-01", GapState.ASKED): 10, ("cell-01", GapState.LOST): 10}


def test_a_second_process_may_look_and_not_write(tried: Tried) -> None:
    tried.store.open("plant/line1")
    put(tried.store, Positions(), 1)
    second = tried.again()
    assert len(second.look().positions) == 1
    with pytest.raises(StoreError, match="another consumer has it open"):
        second.open("plant/line1")
    tried.store.close()
    second.open("plant/line1")
    second.close()


def test_a_database_is_of_one_root(tried: Tried) -> None:
    tried.store.open("plant/line1")
    tried.store.close()
    with pytest.raises(StoreError, match="it is of the root plant/line1, not of plant/line2"):
        tried.store.open("plant/line2")


def test_what_is_no_verdict_is_kept_and_counted(tried: Tried) -> None:
    tried.store.open("plant/line1")
    for payload in (b"\x00\xff nonsense", b"\x00\xff nonsense", b"more"):
        with tried.store.transaction() as transaction:
            transaction.reject(Rejected("plant/line1/cell-01/verdict\x00", payload, "it is not UTF-8"), AT)
    assert tried.store.look().rejected == 3


def test_a_verdict_with_everything_is_stored(tried: Tried) -> None:
    tried.store.open("plant/line1")
    full = read_verdict(encode(FULL), station=FULL.station)
    with tried.store.transaction() as transaction:
        assert transaction.add(full, AT)
    assert tried.verdicts() == [("セル検査-1", "e1", 7)]


@pytest.mark.parametrize("tried", [sqlite, postgresql], indirect=True, ids=lambda make: make.__name__)
def test_a_database_of_verdicts_stores_none_twice_and_knows_its_ids(tried: Tried) -> None:
    store = tried.store
    store.open("plant/line1")
    with store.transaction() as transaction:
        assert transaction.add(message(1), AT)
        assert not transaction.add(message(1), AT)
        assert not transaction.add(message(1).model_copy(update={"id": "another"}), AT)
        assert not transaction.add(message(1).model_copy(update={"seq": 2}), AT)
        assert transaction.id_of(STREAM, 1) == "cell-01-e1-1"
        assert transaction.id_of(STREAM, 2) is None


def test_the_columns_of_a_verdict(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "verdicts.sqlite")
    store.open("plant/line1")
    with store.transaction() as transaction:
        transaction.add(read_verdict(encode(FULL), station=FULL.station), AT)
    store.close()
    with closing(sqlite3.connect(tmp_path / "verdicts.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM verdicts").fetchone())
    assert json.loads(row.pop("message")) == json.loads(encode(FULL))
    assert row == {
        "id": FULL.id,
        "station": "セル検査-1",
        "epoch": "e1",
        "seq": 7,
        "captured_at": "2025-07-01T03:04:05.678Z",
        "decision": "NG",
        "label": "crack",
        "confidence": 0.9375,
        "reasons": '["low_margin", "late"]',
        "part_id": "A-17",
        "received_at": "2026-05-04T08:00:00.123Z",
    }
