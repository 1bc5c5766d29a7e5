"""The consumer of a soak: `kotoba-edge consume` in a process of its own, with a SQLite file, killed and started again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from edge.message import decode
from edge.records import Inspection
from tests.support.repository import ROOT

STOP_S = 60.0


class SoakedConsumer:
    """Takes what the boxes below `topic` send to the broker at `port`."""

    def __init__(self, folder: Path, *, port: int, topic: str) -> None:
        self._database = folder / "verdicts.sqlite"
        broker = ["--broker", f"127.0.0.1:{port}", "--root", topic, "--from-start", "--gap-patience-s", "2"]
        self._command = [sys.executable, "-m", "edge.cli", "consume", "--sqlite", str(self._database), *broker]
        self._log = folder / "consumer.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.life = 0

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it, for the first time or again."""
        self.life += 1
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=log, stderr=log, env=environment)

    def kill(self) -> None:
        """Kill -9, and start again."""
        self.clean()
        self.start()

    def end(self) -> int | None:
        """SIGTERM; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(STOP_S)
        return None

    def clean(self) -> None:
        """Leave nothing running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def ids(self) -> set[str]:
        """Of the verdicts in the database."""
        return {name for (name,) in self._select("SELECT id FROM verdicts")}

    def verdicts(self) -> list[Inspection]:
        """All verdicts in the database, of each station in their order."""
        return [decode(message.encode()) for (message,) in self._select("SELECT message FROM verdicts ORDER BY station, epoch, seq")]

    def gaps(self) -> dict[str, int]:
        """How many verdicts were once missing, by what became of them."""
        counts: Counter[str] = Counter()
        for state, first, last in self._select("SELECT state, first_seq, last_seq FROM gaps"):
            counts[state] += last - first + 1
        return dict(counts)

    def _select(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self._database, query)


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """Read a database that another process may be writing; nothing where it is not made yet."""
    if not database.is_file():
        return []
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=30.0)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError as err:
            if "no such table" in str(err):
                return []
            raise
