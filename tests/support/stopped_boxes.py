"""Run by test_sigterm.py: boxes of three stations at work, each ended by SIGTERM at a moment of chance. Prints one JSON object.

A box is forked from this process, which has imported everything once, and ends as `kotoba-edge run` does. Afterwards its spool is opened
and compared with what its output has.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from edge.cameras import open_camera
from edge.cameras.memory import MemoryCamera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.describers.scripted import ScriptedDescriber
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.interfaces import Camera
from edge.judges.scripted import ScriptedJudge
from edge.records import Capture
from edge.sinks import open_sinks
from edge.spool.store import Spool
from tests.support.sample_records import BUNDLE, MODELS, description, frames, scores, station

NAMES = ("cell-01", "cell-02", "cell-03")
PICTURES = [f"{number}.png" for number in range(20)]
DEADLINE_S = 30.0
MOST_PICTURES = 100


def endless(name: str, said: int) -> Iterator[Capture]:
    """Pictures for ever; each is a byte in the pipe."""
    for frame in itertools.cycle(frames(PICTURES, name=name)):
        os.write(said, b".")
        yield frame


def run_box(folder: Path, mqtt: dict[str, object] | None, camera_url: str | None, said: int) -> None:
    """Run until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    outputs: dict[str, object] = {"jsonl": {"path": folder / "verdicts.jsonl"}} | ({"mqtt": mqtt} if mqtt else {})
    stations = [station(name, outputs=outputs) for name in NAMES]
    cameras: list[Camera] = [MemoryCamera(endless(name, said), hold=True) for name in NAMES]
    if camera_url is not None:
        stations[2] = station(NAMES[2], outputs=outputs, camera={"kind": "rtsp", "url": camera_url})
        cameras[2] = open_camera(stations[2].camera, station=NAMES[2], picture=stations[2].picture)
    with closing(Spool(folder / "spool.sqlite", ballast_bytes=65_536)) as spool:
        describer, judge = ScriptedDescriber({source: description() for source in PICTURES}), ScriptedJudge(lambda _: scores())
        pipelines = [
            StationPipeline(
                one,
                camera,
                Inspector(one, describer=describer, judge=judge, limits=Limits(), bundle_digest=BUNDLE, models_digest=MODELS),
                live=camera_url is not None and one is stations[2],
            )
            for one, camera in zip(stations, cameras, strict=True)
        ]
        routes = open_sinks(stations, box="box1", info={})
        Daemon(pipelines, spool=spool, routes=routes, metrics=Metrics(), notifier=Notifier({})).run(stop)


def stopped(pid: int, reading: int, wanted: int, pause_s: float) -> tuple[int, float]:
    """Wait for so many pictures, send SIGTERM, and give the exit code and the seconds that it took; -9 where it had to be killed."""
    got = 0
    while got < wanted:
        assert select.select([reading], [], [], DEADLINE_S)[0], "the box takes no pictures"
        got += len(os.read(reading, 4096))
    select.select([], [], [], pause_s)
    os.kill(pid, signal.SIGTERM)
    began = time.monotonic()
    ended = os.pidfd_open(pid)
    if not select.select([ended], [], [], DEADLINE_S)[0]:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(ended)
    return code, time.monotonic() - began


def lost(folder: Path) -> int:
    """Verdicts whose numbers are neither in the output's file nor wait in the spool."""
    lines = (folder / "verdicts.jsonl").read_bytes().splitlines() if (folder / "verdicts.jsonl").exists() else []
    known = {(one["station"], one["seq"]) for one in map(json.loads, lines)}
    with closing(Spool(folder / "spool.sqlite", ballast_bytes=65_536)) as spool:
        known |= {(row.inspection.station, row.inspection.seq) for row in spool.pending("jsonl", NAMES, 1_000_000)}
        rows = spool.status().rows
    missing: int = sum(
        max(seq for _, seq in of_one) - len(of_one) for name in NAMES if (of_one := [key for key in known if key[0] == name])
    )
    return int(missing + rows - len(known))


def main(root: Path, boxes: int, mqtt: dict[str, object] | None, camera_url: str | None) -> int:
    """Start and stop boxes, one after the other."""
    dice, codes, times, gone, verdicts = random.Random(boxes), list[int](), list[float](), 0, 0
    for number in range(boxes):
        folder = root / str(number)
        folder.mkdir()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            run_box(folder, mqtt, camera_url, writing)
            return 0
        os.close(writing)
        pause_s = dice.uniform(0, 0.05) if camera_url is None else dice.uniform(1.0, 3.0)  # so that it hangs in its child process
        code, seconds = stopped(pid, reading, dice.randint(1, MOST_PICTURES), pause_s)
        os.close(reading)
        codes.append(code)
        times.append(seconds)
        gone += lost(folder)
        verdicts += sum(1 for _ in (folder / "verdicts.jsonl").open()) if (folder / "verdicts.jsonl").exists() else 0
    sys.stdout.write(json.dumps({"codes": sorted(set(codes)), "slowest_s": max(times), "lost": gone, "verdicts": verdicts}))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), json.loads(sys.argv[4])))
