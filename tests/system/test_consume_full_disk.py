"""The database of `kotoba-edge consume` on a disk that is really full: a small file system of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.repository import ROOT
from tests.support.scripted_box import ROOT_TOPIC, ScriptedBox, verdict

DEADLINE_S = 60.0
VERDICTS = 1_500
READ = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
(integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
print(json.dumps([integrity, connection.execute("SELECT seq FROM verdicts ORDER BY seq").fetchall()]))
"""
SMALL_DISK = 'mount -t tmpfs -o size=6m tmpfs "$1" && head -c 5000000 /dev/zero > "$1/filler" && shift && exec "$@"'


def wait_until(happened: Callable[[], bool]) -> None:
    until, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not happened():
        assert time.monotonic() < until
        pause.wait(0.1)


@pytest.mark.long
def test_a_full_disk_costs_no_verdict_and_is_said_once(tmp_path: Path) -> None:
    disk, log = tmp_path / "disk", tmp_path / "log"
    disk.mkdir()
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    consume = [sys.executable, "-m", "edge.cli", "consume", "--broker", f"127.0.0.1:{broker.port}", "--root", ROOT_TOPIC]
    small = ["unshare", "--mount", "--map-root-user", "sh", "-c", SMALL_DISK, "sh", str(disk)]
    with log.open("wb") as output:
        command = [*small, *consume, "--sqlite", str(disk / "verdicts.sqlite"), "--from-start"]
        consumer = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    within = ["nsenter", "-t", str(consumer.pid), "--mount", "--user", "--preserve-credentials"]

    def read() -> tuple[str, list[int]]:
        """Where the disk is seen."""
        command = [*within, sys.executable, "-c", READ, str(disk / "verdicts.sqlite")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        verdict_of_sqlite, rows = json.loads(done.stdout)
        return verdict_of_sqlite, [seq for (seq,) in rows]

    try:
        with ScriptedBox(broker.port) as box:
            wait_until(lambda: "connected broker=" in log.read_text())
            box.publish(*(verdict(seq) for seq in range(1, VERDICTS + 1)))
            wait_until(lambda: "database or disk is full" in log.read_text())
            assert 0 < len(read()[1]) < VERDICTS
            subprocess.run([*within, "rm", str(disk / "filler")], check=True, timeout=DEADLINE_S)
            wait_until(lambda: read() == ("ok", list(range(1, VERDICTS + 1))))
        consumer.terminate()
        assert consumer.wait(DEADLINE_S) == 0
    finally:
        consumer.kill()
        consumer.wait()
        broker.kill()

    said = log.read_text()
    assert said.count("nothing is acknowledged until it can be written") == 1
    assert "Traceback" not in said
