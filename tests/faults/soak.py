"""A box of three stations under faults for an hour or a shift, and the account at the end: nothing missing, doubled or passed.

`python -m tests.faults.soak --minutes 60 --out soak` feeds pictures to two stations, some of them black; the third has a live RTSP camera.
Its relay stalls, sends garbage, drops packets, freezes and disappears in turn, every 30 s; the folders of the others go away for some
seconds; the broker is killed every 60 s, the box every 120 s and its consumer (`kotoba-edge consume` with a SQLite file) every 300 s, all
with SIGKILL. At the end every picture that was fed must have had one verdict in the consumer's database, every verdict of the box must be
there, no black picture may be OK, and none that the live camera gave while it was frozen, or of which packets were lost. soak.csv and
soak.png show memory, descriptors and threads of box and consumer; with `--page FILE` a page tells all of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from edge.records import Decision, Inspection
from tests.faults.soak_account import BOX, CONSUMER, Account, Sample, write
from tests.faults.soak_camera import LiveCamera
from tests.faults.soak_consumer import SoakedConsumer, rows
from tests.support.mosquitto import Mosquitto
from tests.support.picture_files import encoded, gradient
from tests.support.repository import ROOT

STATIONS = ("cell-01", "cell-02", "cell-03")
TOPIC = "plant/line"
PICTURE_EVERY_S, SAMPLE_EVERY_S, FOLDER_GONE_S, CAMERA_OUT_S = 0.2, 5.0, 3.0, 6.0
BLACK_EVERY = 10
SETTLE_S = 300.0


class Soak:
    """The box, what surrounds it, and what goes wrong."""

    def __init__(self, root: Path, *, camera: LiveCamera | None) -> None:
        self._dice = random.Random(1)
        self.camera = camera
        self.broker = Mosquitto(root / "broker", queued=1_000)  # as it comes: killed, it loses what it had for a consumer
        self.broker.start()
        self.spool = root / "spool.sqlite"
        self.folders = [root / "pictures" / name for name in STATIONS[: 2 if camera else 3]]
        cameras: dict[str, object] = {
            folder.name: {"kind": "folder", "path": str(folder), "poll_ms": 50, "stand_still_ms": 100, "after": "delete"}
            for folder in self.folders
        }
        if camera:
            cameras[STATIONS[2]] = {"kind": "rtsp", "url": camera.url}
        for folder in self.folders:
            folder.mkdir(parents=True)
        settings = {"mqtt": {"host": "127.0.0.1", "port": self.broker.port, "keepalive_s": 5}, "cameras": cameras}
        self._command = [sys.executable, "-m", "tests.support.soaked_box", str(root), json.dumps(settings)]
        self.consumer = SoakedConsumer(root, port=self.broker.port, topic=TOPIC)
        self._good = [encoded(gradient(64 + number, 48), "PNG") for number in range(20)]
        self._black = encoded(gradient(64, 48) * 0, "PNG")
        self._away: Path | None = None
        self.fed: dict[str, bool] = {}
        self.life = 0
        self._log = (root / "box.log").open("ab")
        self._box: subprocess.Popen[bytes] | None = None

    def start_box(self) -> None:
        """Start it, for the first time or again."""
        self.life += 1
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._box = subprocess.Popen(self._command, cwd=ROOT, stdout=self._log, stderr=self._log, env=environment)

    def kill_box(self) -> None:
        """Kill -9, and start again."""
        assert self._box is not None
        self._box.kill()
        self._box.wait()
        self.start_box()

    def kill_broker(self) -> None:
        """Kill -9, and start again."""
        self.broker.kill()
        self.broker.start()

    def feed(self) -> None:
        """Give each station with a folder a picture, every so often a black one."""
        for folder in self.folders:
            number = len(self.fed)
            is_black = number % BLACK_EVERY == 0
            name = f"{number:07}.png"
            with suppress(FileNotFoundError):  # the folder is away: this station gets none
                unfinished = folder.with_name(f".{name}")
                unfinished.write_bytes(self._black if is_black else self._good[number % len(self._good)])
                unfinished.rename(folder / name)
                self.fed[name] = is_black

    def take_folder(self) -> None:
        """Let a folder go away."""
        folder = self._dice.choice(self.folders)
        self._away = folder.with_name(f"{folder.name}.away")
        folder.rename(self._away)

    def give_folder(self) -> None:
        """Let it come back."""
        if self._away is not None:
            self._away.rename(self._away.with_suffix(""))
            self._away = None

    def look(self, began: float) -> list[Sample]:
        """Measure box and consumer; nothing of one that is just ending."""
        samples, now = [], time.monotonic()
        box_pid = None if self._box is None else self._box.pid
        for name, pid, life in ((BOX, box_pid, self.life), (CONSUMER, self.consumer.pid, self.consumer.life)):
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                figures = (process.memory_info().rss, process.num_fds(), process.num_threads(), len(process.children()))
                samples.append(Sample(name, now - began, life, time.time() - process.create_time(), *figures))
        return samples

    def committed(self) -> set[str]:
        """The verdicts that are in the spool of the box."""
        return {name for (name,) in rows(self.spool, "SELECT id FROM inspections")}

    def end(self) -> int | None:
        """SIGTERM; its exit code."""
        assert self._box is not None
        self._box.terminate()
        with suppress(subprocess.TimeoutExpired):
            return self._box.wait(30)
        return None

    def clean(self) -> None:
        """Leave nothing running."""
        if self._box is not None:
            self._box.kill()
            self._box.wait()
        self.consumer.clean()
        self.broker.kill()
        self._log.close()


@dataclass(frozen=True)
class Schedule:
    """Seconds between two faults of a kind; 0 for none. A camera is out for `camera_out_s`, a folder for `folder_gone_s`."""

    broker_s: float = 60.0
    box_s: float = 120.0
    camera_s: float = 30.0
    folder_s: float = 45.0
    consumer_s: float = 300.0
    camera_out_s: float = CAMERA_OUT_S
    folder_gone_s: float = FOLDER_GONE_S
    box_after_s: float = 8.0
    """So long after a fault of the camera the box is killed: a camera that freezes before the box has learned its noise is not noticed."""
    consumer_before_s: float = 0.5
    """So long before the broker: what that had queued for the consumer is lost, and must be asked for."""


class Agenda:
    """What happens when, again and again."""

    def __init__(self, box: Soak, account: Account, schedule: Schedule) -> None:
        self._box, self._account = box, account
        self._due: list[tuple[float, float, Callable[[], str]]] = []
        self._plan(schedule.broker_s, 0.0, self._count("broker_kills", box.kill_broker))
        self._plan(schedule.box_s, schedule.box_after_s, self._count("box_kills", box.kill_box))
        self._plan(schedule.consumer_s, -schedule.consumer_before_s, self._count("consumer_kills", box.consumer.kill))
        self._plan(schedule.folder_s, 0.0, self._spoil_folder)
        self._plan(schedule.folder_s, schedule.folder_gone_s, self._done("folder back", box.give_folder))
        if box.camera is not None:
            self._plan(schedule.camera_s, 0.0, self._spoil_camera)
            self._plan(schedule.camera_s, schedule.camera_out_s, self._done("camera back", box.camera.heal))

    def _plan(self, every_s: float, after_s: float, do: Callable[[], str]) -> None:
        if every_s > 0:
            self._due.append((every_s + after_s, every_s, do))

    def tick(self, now_s: float) -> None:
        """Do what is due."""
        for place, (at_s, every_s, do) in enumerate(self._due):
            if now_s >= at_s:
                what = do()
                sys.stderr.write(f"{now_s:8.1f} s: {what}\n")
                self._due[place] = (at_s + every_s, every_s, do)

    def _count(self, name: str, do: Callable[[], None]) -> Callable[[], str]:
        def counted() -> str:
            do()
            setattr(self._account, name, getattr(self._account, name) + 1)
            return name

        return counted

    @staticmethod
    def _done(what: str, do: Callable[[], None]) -> Callable[[], str]:
        def done() -> str:
            do()
            return what

        return done

    def _spoil_camera(self) -> str:
        assert self._box.camera is not None
        return self._fault(self._box.camera.spoil())

    def _spoil_folder(self) -> str:
        self._box.take_folder()
        return self._fault("folder")

    def _fault(self, name: str) -> str:
        self._account.camera_faults[name] = self._account.camera_faults.get(name, 0) + 1
        return f"camera fault {name}"


def soak(root: Path, *, seconds: float, schedule: Schedule, live: bool = False) -> Account:
    """Feed, spoil and watch for so long, or until SIGTERM, then settle and count. `live`: the third station has an RTSP camera."""
    account, ended = Account(), threading.Event()
    with ExitStack() as stack:
        before = signal.signal(signal.SIGTERM, lambda _number, _frame: ended.set())
        stack.callback(signal.signal, signal.SIGTERM, before)
        camera = stack.enter_context(LiveCamera()) if live else None
        box = Soak(root, camera=camera)
        stack.callback(box.clean)
        box.consumer.start()
        box.start_box()
        agenda, began, sample_at = Agenda(box, account, schedule), time.monotonic(), 0.0
        while (now_s := time.monotonic() - began) < seconds and not ended.is_set():
            box.feed()
            agenda.tick(now_s)
            if now_s >= sample_at:
                sample_at += SAMPLE_EVERY_S
                account.samples += box.look(began)
            time.sleep(PICTURE_EVERY_S)
        account.seconds = round(now_s)
        box.give_folder()
        if camera is not None:
            camera.heal()
        _settle(box, lambda: not any(any(folder.iterdir()) for folder in box.folders))
        account.exit_code = box.end()
        _settle(box, lambda: True)
        account.consumer_exit_code = box.consumer.end()
        _count(account, box)
    account.sum_up()
    return account


def _settle(box: Soak, is_ready: Callable[[], bool]) -> None:
    """Wait until the verdicts that the box has by now are in the consumer's database."""
    until = time.monotonic() + SETTLE_S
    while not is_ready() and time.monotonic() < until:
        time.sleep(0.5)
    committed = box.committed()
    while time.monotonic() < until and not committed <= box.consumer.ids():
        time.sleep(0.5)


def _count(account: Account, box: Soak) -> None:
    verdicts, committed = box.consumer.verdicts(), box.committed()
    fed = [one for one in verdicts if one.source in box.fed]
    times = Counter(one.source for one in fed)
    account.fed, account.verdicts = len(box.fed), len(verdicts)
    account.by_decision = dict(Counter(one.verdict.decision.value for one in verdicts))
    account.missing = sum(name not in times for name in box.fed) + len(committed - {one.id for one in verdicts})
    account.doubled = sum(count - 1 for count in times.values()) + len(verdicts) - len({one.id for one in verdicts})
    account.ok_outside_the_gate = sum(box.fed[one.source] and one.verdict.decision is Decision.OK for one in fed)
    account.gaps = box.consumer.gaps()
    if box.camera is not None:
        _count_live(account, box.camera, [one for one in verdicts if one.station == STATIONS[2]])


def _count_live(account: Account, camera: LiveCamera, verdicts: Sequence[Inspection]) -> None:
    found = camera.passed(verdicts)
    account.live = {"verdicts": len(verdicts), **asdict(found)}
    account.changed_bytes_passed = found.spoilt.get("garbage", 0)
    account.ok_outside_the_gate += found.frozen + found.old + sum(found.spoilt.values()) - account.changed_bytes_passed


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, write, and end with 1 where something was lost, doubled or passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="How long. Default: %(default)s.")
    parser.add_argument("--out", type=Path, default=Path("soak"), metavar="FOLDER", help="For all that is written. Default: %(default)s.")
    for name, default in (("broker", 60.0), ("box", 120.0), ("consumer", 300.0), ("camera", 30.0), ("folder", 45.0)):
        parser.add_argument(
            f"--{name}-every", type=float, default=default, metavar="S", help="Seconds between two faults; 0: never. Default: %(default)s."
        )
    parser.add_argument("--no-live", action="store_true", help="The third station has a folder too. Default: an RTSP camera.")
    options = parser.parse_args(arguments)
    root = options.out / "work"
    root.mkdir(parents=True)
    schedule = Schedule(options.broker_every, options.box_every, options.camera_every, options.folder_every, options.consumer_every)
    account = soak(root.absolute(), seconds=options.minutes * 60, schedule=schedule, live=not options.no_live)
    write(account, options.out)
    sys.stdout.write((options.out / "soak.json").read_text())
    return int(not account.is_good())


if __name__ == "__main__":
    sys.exit(main())
