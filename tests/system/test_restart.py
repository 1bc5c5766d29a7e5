"""Kill -9 of the daemon while pictures are copied into its folder: each picture gets one verdict."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tests.support.watched_folder import picture

DAEMON = """
import signal, sys, threading
from pathlib import Path
from edge.cameras import open_camera
from edge.daemon.loop import Daemon
from edge.daemon.pipeline import StationPipeline
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.judges.scripted import ScriptedJudge
from edge.sinks import open_sinks
from edge.spool.store import Spool
from tests.support.sample_records import BUNDLE, MODELS, description, scores, station

class Describer:
    def describe(self, frame):
        return description(f"{frame.pixels.sum()}")

folder, spool_path, out, after = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
camera = {"kind": "folder", "path": folder, "poll_ms": 10, "stand_still_ms": 100, "after": after}
camera |= {"move_to": folder.parent / "judged"} if after == "move" else {}
cell = station(camera=camera, outputs={"jsonl": {"path": out}})
spool = Spool(spool_path, ballast_bytes=4096)
judge = ScriptedJudge(lambda _: scores())
inspector = Inspector(cell, describer=Describer(), judge=judge, limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS)
opened = open_camera(cell.camera, station="cell-01", picture=cell.picture, judged=spool.judged_files("cell-01"))
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
routes = open_sinks([cell], box="box1", info={})
pipeline = StationPipeline(cell, opened, inspector, live=False)
Daemon([pipeline], spool=spool, routes=routes, metrics=Metrics(), notifier=Notifier({})).run(stop)
spool.close()
"""

DEADLINE_S = 120.0


class Box:
    """The daemon with scripted models, killed and started again on the same folder and spool."""

    def __init__(self, root: Path, after: str) -> None:
        self.folder, self.out = root / "pictures", root / "verdicts.jsonl"
        for name in ("pictures", "judged"):
            (root / name).mkdir()
        self._command = [sys.executable, "-c", DAEMON, str(self.folder), str(root / "spool.sqlite"), str(self.out), after]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(DEADLINE_S) == 0

    def verdicts(self) -> list[dict[str, object]]:
        """Each verdict once, as a consumer counts them: a line may have been written twice."""
        lines = self.out.read_bytes().rpartition(b"\n")[0].splitlines() if self.out.exists() else []
        return list({verdict["id"]: verdict for verdict in map(json.loads, lines)}.values())

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while len(self.verdicts()) < count:
            assert time.monotonic() < deadline, f"{len(self.verdicts())} verdicts, expected {count}"
            assert self._process is not None
            assert self._process.poll() is None, "the daemon ended"
            threading.Event().wait(0.02)


@pytest.mark.parametrize(
    ("after", "pictures", "kills"),
    [
        pytest.param("leave", 200, 5, id="left"),
        pytest.param("move", 200, 5, id="moved"),
        pytest.param("delete", 2_000, 100, id="deleted, 100 kills", marks=pytest.mark.soak),
    ],
)
@pytest.mark.long
def test_each_picture_gets_one_verdict_however_often_the_daemon_is_killed(tmp_path: Path, after: str, pictures: int, kills: int) -> None:
    dice, box = random.Random(after), Box(tmp_path, after)
    names = [f"{number:04}.png" for number in range(pictures)]
    raws = [picture(number) for number in range(60)]

    def write(first: int, last: int) -> None:
        for number in range(first, last):
            (box.folder / names[number]).write_bytes(raws[number % 60])

    step = pictures // kills
    box.start()
    try:
        for begin in range(0, pictures, step):
            middle, end = begin + step // 2, begin + step
            write(begin, middle)
            box.wait_for(begin + dice.randint(0, middle - begin))
            box.kill()
            write(middle, end)
            box.start()
        box.wait_for(pictures)
        box.stop()
        box.start()
        (box.folder / "last.png").write_bytes(raws[0])
        box.wait_for(pictures + 1)
        box.stop()
    finally:
        box.kill()

    verdicts = box.verdicts()
    assert Counter(verdict["source"] for verdict in verdicts) == Counter([*names, "last.png"])
    assert {verdict["decision"] for verdict in verdicts} == {"OK"}
    assert sorted(int(str(verdict["seq"])) for verdict in verdicts) == list(range(1, pictures + 2))
    if after == "leave":
        assert {path.name for path in box.folder.iterdir()} == {*names, "last.png"}
