"""A consumer in a thread, on a broker, with a SQLite file."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from edge.consumer import Consumer, MqttOutput, SqliteStore
from edge.consumer.consumer import Hook
from edge.consumer.store import Store
from tests.support.scripted_box import ROOT_TOPIC

DEADLINE_S = 60.0


@contextmanager
def consuming(
    port: int,
    path: Path,
    *,
    store: Store | None = None,
    on_verdict: Hook | None = None,
    from_start: bool = False,
    gap_patience_s: float = 0.3,
    protocol: str = "5",
) -> Iterator[Rows]:
    """Run one; at the end it is stopped, and whatever it raised is raised."""
    broker = MqttOutput.model_validate({"host": "127.0.0.1", "port": port, "protocol": protocol})
    consumer = Consumer(
        broker,
        root=ROOT_TOPIC,
        store=store or SqliteStore(path),
        on_verdict=on_verdict,
        from_start=from_start,
        gap_patience_s=gap_patience_s,
    )
    stop, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            consumer.run(stop)
        except BaseException as err:  # noqa: BLE001 -- raised again below
            failures.append(err)

    thread = threading.Thread(target=run, name="consumer")
    thread.start()
    try:
        yield Rows(path, failures)
    finally:
        stop.set()
        thread.join(DEADLINE_S)
    if failures:
        raise failures[0]


class Rows:
    """Reads the database of a consumer, also while it runs."""

    def __init__(self, path: Path, failures: list[BaseException] | None = None) -> None:
        self._path = path
        self._failures = [] if failures is None else failures

    def select(self, query: str) -> list[tuple[Any, ...]]:
        if not self._path.is_file():
            return []
        with closing(sqlite3.connect(self._path)) as connection:
            has_begun = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'consumer'").fetchone()
            return connection.execute(query).fetchall() if has_begun else []

    def seqs(self, *, station: str = "cell-01", epoch: str = "e1") -> list[int]:
        """The numbers of the verdicts, one for each row, in order."""
        rows = self.select(f"SELECT seq FROM verdicts WHERE station = '{station}' AND epoch = '{epoch}' ORDER BY seq")  # noqa: S608 -- of a test
        return [seq for (seq,) in rows]

    def gaps(self) -> list[tuple[int, int, str]]:
        return self.select("SELECT first_seq, last_seq, state FROM gaps ORDER BY station, epoch, first_seq")

    def positions(self) -> list[tuple[str, int, int]]:
        return self.select("SELECT station, first_seq, last_seq FROM positions ORDER BY station, epoch, first_seq")

    def wait(self, happened: Callable[[Rows], bool]) -> None:
        """Wait until the database shows it."""
        until = time.monotonic() + DEADLINE_S
        pause = threading.Event()
        while not happened(self):
            assert not self._failures, self._failures
            assert time.monotonic() < until, f"gaps {self.gaps()}, positions {self.positions()}"
            pause.wait(0.02)

    def wait_for_failure(self) -> None:
        """Wait until the consumer has ended by itself."""
        until = time.monotonic() + DEADLINE_S
        pause = threading.Event()
        while not self._failures:
            assert time.monotonic() < until
            pause.wait(0.02)

    def wait_for(self, *seqs: int, station: str = "cell-01", epoch: str = "e1") -> None:
        """Wait until these verdicts are there, and no others."""
        self.wait(lambda rows: rows.seqs(station=station, epoch=epoch) == list(seqs))
