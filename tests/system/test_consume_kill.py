"""Kill -9 of `kotoba-edge consume` and of its broker, again and again: in the database every verdict is there once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.points import read_point
from tests.support.repository import ROOT
from tests.support.running_consumer import Rows
from tests.support.scripted_box import ROOT_TOPIC, ScriptedBox, verdict

DEADLINE_S = 120.0


@dataclass(frozen=True)
class Kept:
    """Where a consumer puts verdicts: the option, the file, and the SQLite file that says what has arrived."""

    option: str
    file: Path
    state: Path

    def seqs(self) -> list[int]:
        if self.option == "--sqlite":
            return Rows(self.file).seqs()
        return [int(read_point(line).fields["seq"]) for line in self.file.read_text().splitlines()]

    def count(self) -> int:
        return sum(last - first + 1 for _, first, last in Rows(self.state).positions())


def sqlite(folder: Path) -> Kept:
    return Kept("--sqlite", folder / "verdicts.sqlite", folder / "verdicts.sqlite")


def lines(folder: Path) -> Kept:
    return Kept("--line-protocol", folder / "verdicts.lp", folder / "verdicts.lp.state.sqlite")


def start(port: int, kept: Kept, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edge.cli", "consume", "--broker", f"127.0.0.1:{port}", "--root", ROOT_TOPIC]
    options = [kept.option, str(kept.file), "--from-start", "--gap-patience-s", "0.5"]
    with log.open("ab") as output:
        return subprocess.Popen([*command, *options], cwd=ROOT, stdout=output, stderr=output)


def wait_until(happened: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not happened():
        assert time.monotonic() < until, what
        pause.wait(0.02)


def publish_all(box: ScriptedBox, count: int, *, stop: threading.Event) -> None:
    """As a box does: what was not acknowledged is sent again, and nothing is sent while there is no connection."""
    seq = 1
    while seq <= count and not stop.is_set():
        if not stop.wait(0.0) and box.connected():
            sent = [verdict(number) for number in range(seq, min(seq + 20, count + 1))]
            if box.try_to_publish(*sent):
                seq += len(sent)


@pytest.mark.long
@pytest.mark.parametrize(
    ("make", "verdicts", "kills", "broker_kills"),
    [(sqlite, 4_000, 20, 5), (lines, 1_000, 5, 1), pytest.param(sqlite, 20_000, 100, 25, marks=pytest.mark.slow)],
)
def test_no_verdict_is_lost_or_doubled(tmp_path: Path, make: Callable[[Path], Kept], verdicts: int, kills: int, broker_kills: int) -> None:
    moments = random.Random(7)
    kept, log = make(tmp_path), tmp_path / "log"
    rows, broker, stop = Rows(kept.state), Mosquitto(tmp_path / "broker"), threading.Event()
    broker.start()
    consumer = start(broker.port, kept, log)
    broker_at = set(moments.sample(range(1, kills), broker_kills))
    try:
        with ScriptedBox(broker.port) as box:
            sender = threading.Thread(target=publish_all, args=(box, verdicts), kwargs={"stop": stop})
            sender.start()
            try:
                for kill in range(1, kills + 1):
                    # The kills are spread over the whole stream, each at a moment of its own within its part.
                    wanted = int(verdicts * (kill - 1 + moments.random()) / (kills + 1))
                    wait_until(lambda wanted=wanted: kept.count() >= wanted, f"{wanted} verdicts")  # type: ignore[misc]
                    consumer.kill()
                    consumer.wait()
                    if kill in broker_at:
                        broker.kill()
                        broker.start()
                    consumer = start(broker.port, kept, log)
                sender.join(DEADLINE_S)
                box.wait_until_connected()
                box.say_state(verdict(verdicts))
                wait_until(lambda: kept.count() >= verdicts, f"all verdicts: {log.read_text()[-2000:]}")
            finally:
                stop.set()
                sender.join(DEADLINE_S)
        consumer.terminate()
        assert consumer.wait(DEADLINE_S) == 0
    finally:
        consumer.kill()
        consumer.wait()
        broker.kill()

    assert sorted(kept.seqs()) == list(range(1, verdicts + 1))
    assert rows.select("SELECT first_seq, last_seq FROM positions") == [(1, verdicts)]
    assert rows.select("SELECT * FROM rejected") == []
    assert rows.select("PRAGMA integrity_check") == [("ok",)]
    assert {state for _, _, state in rows.gaps()} <= {"filled"}, json.dumps(rows.gaps())
