"""Who is waited for is no standstill: two name servers that never answer do not stop the pings of systemd's watchdog."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

WATCHDOG_S = 2.5
PINGS = 30
"""Of four a second: three times as long as the watchdog waits."""

BOX = f"""
import socket, sys, threading
from pathlib import Path
from edge.cameras.memory import MemoryCamera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.sinks import open_sinks
from edge.spool.store import Spool
from tests.support.running_daemon import pipeline, running
from tests.support.sample_records import frames, station

folder = Path(sys.argv[1])
cells = [station(f"cell-0{{i}}", outputs={{"mqtt": {{"host": f"broker{{i}}.plant"}}}}) for i in (1, 2)]
spool = Spool(folder / "spool.sqlite", ballast_bytes=4096)
names = [cell.station.name for cell in cells]
pipelines = [pipeline(MemoryCamera(frames(["a.png"], name=name), hold=True), ["a.png"], name=name) for name in names]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    manager.bind(str(folder / "notify"))
    manager.settimeout({WATCHDOG_S})
    notifier = Notifier({{"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "{int(WATCHDOG_S * 1e6)}"}})
    routes = open_sinks(cells, box="box1", info={{}})
    with running(Daemon(pipelines, spool=spool, routes=routes, metrics=Metrics(), notifier=notifier)):
        pings = 0
        while pings < {PINGS}:
            pings += manager.recv(1_000) == b"WATCHDOG=1"
spool.close()
print("pings", pings)
"""


@pytest.mark.long
def test_two_silent_name_servers_do_not_stop_the_pings(tmp_path: Path) -> None:
    log = tmp_path / "names.txt"
    log.touch()
    watched = [sys.executable, "-m", "tests.faults.name_server", "--log", str(log), "--silent", "--timeout", "60"]
    done = subprocess.run(
        [*watched, sys.executable, "-c", BOX, str(tmp_path)],
        cwd=ROOT, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, timeout=120, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert f"pings {PINGS}" in done.stdout, done.stderr
    assert {"broker1.plant", "broker2.plant"} <= set(log.read_text().splitlines())
