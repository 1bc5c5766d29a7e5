"""A box of three stations under faults for an hour or a shift, and the account at the end: nothing missing, doubled or passed.

`python -m tests.faults.soak --minutes 60 --out soak` feeds pictures to three stations, some of them black, kills the broker every 60 s and
the box every 120 s with SIGKILL, and lets a camera misbehave every 30 s: its folder goes away for some seconds, or
`--camera-fault COMMAND` is run. With `--camera rtsp://...` the third station has a live camera, whose pictures nobody counts. At the end
every picture that was fed must have had one verdict at the consumer, and no black one may be OK. soak.csv and soak.png show memory,
descriptors and threads of the box.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from edge.message import decode
from edge.records import Decision, Inspection
from tests.support.consumer import Consumer, Got
from tests.support.ledger import Ledger, ask_again
from tests.support.mosquitto import Mosquitto
from tests.support.picture_files import encoded, gradient
from tests.support.repository import ROOT

STATIONS = ("cell-01", "cell-02", "cell-03")
PICTURE_EVERY_S, SAMPLE_EVERY_S, FOLDER_GONE_S = 0.2, 5.0, 3.0
BLACK_EVERY = 10
WARM_UP_S = 30.0
SETTLE_S = 180.0


class Kept(Protocol):
    """What a consumer has in the end; `settle` asks for what is missing. The plain one counts in memory (tests/support/ledger.py)."""

    def verdicts(self) -> list[Inspection]:
        """Each verdict that took effect."""
        ...

    def settle(self) -> None:
        """Ask for every gap to be filled."""
        ...


class CountingConsumer:
    """Counts each verdict once, and asks for gaps with `kotoba-edge spool replay`."""

    def __init__(self, broker: Mosquitto, spool: Path) -> None:
        self._ledger, self._spool = Ledger(), spool
        self._consumer = Consumer(broker, "plant/line/+/verdict", persistent=True, on_message=self._add)
        self._consumer.__enter__()

    def _add(self, got: Got) -> None:
        self._ledger.add(decode(got.payload))

    def verdicts(self) -> list[Inspection]:
        return self._ledger.effects

    def settle(self) -> None:
        ask_again(self._ledger.gaps(), self._spool)

    def close(self) -> None:
        self._consumer.__exit__()


@dataclass
class Sample:
    """One look at the box; `life` counts how often it has been started."""

    at_s: float
    life: int
    age_s: float
    rss_bytes: int
    descriptors: int
    threads: int


@dataclass
class Account:
    """What came of it."""

    fed: int = 0
    box_kills: int = 0
    broker_kills: int = 0
    camera_faults: int = 0
    verdicts: int = 0
    missing: int = 0
    doubled: int = 0
    ok_outside_the_gate: int = 0
    exit_code: int | None = None
    rss_slope_mib_per_h: float | None = None
    descriptors: tuple[int, int] = (0, 0)
    samples: list[Sample] = field(default_factory=list)

    def is_good(self) -> bool:
        """Whether nothing was lost, doubled or passed, and the box ended well."""
        return (self.missing, self.doubled, self.ok_outside_the_gate, self.exit_code) == (0, 0, 0, 0)


class Soak:
    """The box, what surrounds it, and what goes wrong."""

    def __init__(self, root: Path, *, camera: str | None, camera_fault: str | None) -> None:
        self._root = root
        self._dice = random.Random(1)
        self._camera_fault = camera_fault
        self.broker = Mosquitto(root / "broker")
        self.broker.start()
        self.spool = root / "spool.sqlite"
        self.folders = [root / "pictures" / name for name in STATIONS[: 2 if camera else 3]]
        cameras: dict[str, object] = {
            folder.name: {"kind": "folder", "path": str(folder), "poll_ms": 50, "stand_still_ms": 100, "after": "delete"}
            for folder in self.folders
        }
        if camera:
            cameras[STATIONS[2]] = {"kind": "rtsp", "url": camera}
        for folder in self.folders:
            folder.mkdir(parents=True)
        settings = {"mqtt": {"host": "127.0.0.1", "port": self.broker.port, "keepalive_s": 5}, "cameras": cameras}
        self._command = [sys.executable, "-m", "tests.support.soaked_box", str(root), json.dumps(settings)]
        self._good = [encoded(gradient(64 + number, 48), "PNG") for number in range(20)]
        self._black = encoded(gradient(64, 48) * 0, "PNG")
        self.fed: dict[str, bool] = {}
        self.life = 0
        self._log = (root / "box.log").open("ab")
        self._box: subprocess.Popen[bytes] | None = None

    def start_box(self) -> None:
        """Start it, for the first time or again."""
        self.life, self._started_at = self.life + 1, time.monotonic()
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

    def spoil_camera(self) -> None:
        """Let one camera misbehave."""
        if self._camera_fault is not None:
            subprocess.run(shlex.split(self._camera_fault), check=False, timeout=60)
            return
        folder = self._dice.choice(self.folders)
        away = folder.with_name(f"{folder.name}.away")
        folder.rename(away)
        until = time.monotonic() + FOLDER_GONE_S
        while time.monotonic() < until:
            self.feed()
            time.sleep(PICTURE_EVERY_S)
        away.rename(folder)

    def look(self, began: float) -> Sample | None:
        """Measure the box; None where it is just ending."""
        assert self._box is not None
        now = time.monotonic()
        with suppress(psutil.Error):
            process = psutil.Process(self._box.pid)
            figures = (process.memory_info().rss, process.num_fds(), process.num_threads())
            return Sample(now - began, self.life, now - self._started_at, *figures)
        return None

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
        self.broker.kill()
        self._log.close()


@dataclass(frozen=True)
class Schedule:
    """Seconds between two faults of a kind; 0 for none."""

    broker_s: float = 60.0
    box_s: float = 120.0
    camera_s: float = 30.0


def soak(
    root: Path, *, seconds: float, schedule: Schedule, camera: str | None = None, camera_fault: str | None = None,
    consumer: Callable[[Mosquitto, Path], CountingConsumer] = CountingConsumer,
) -> Account:  # fmt: skip
    """Feed, spoil and watch for so long, then settle and count."""
    account, box = Account(), Soak(root, camera=camera, camera_fault=camera_fault)
    kept = consumer(box.broker, box.spool)
    faults: list[tuple[float, Callable[[], None], str]] = [
        (schedule.broker_s, box.kill_broker, "broker_kills"),
        (schedule.box_s, box.kill_box, "box_kills"),
        (schedule.camera_s, box.spoil_camera, "camera_faults"),
    ]
    try:
        box.start_box()
        began = time.monotonic()
        due = {name: began + every for every, _, name in faults if every > 0}
        sample_at = began
        while time.monotonic() - began < seconds:
            box.feed()
            for every, do, name in faults:
                if time.monotonic() >= due.get(name, float("inf")):
                    do()
                    due[name] = time.monotonic() + every
                    setattr(account, name, getattr(account, name) + 1)
            if time.monotonic() >= sample_at:
                sample_at += SAMPLE_EVERY_S
                account.samples += filter(None, [box.look(began)])
            time.sleep(PICTURE_EVERY_S)
        _settle(kept, box)
        account.exit_code = box.end()
        _count(account, box, kept)
    finally:
        kept.close()
        box.clean()
    return account


def _settle(kept: Kept, box: Soak) -> None:
    """Wait until each picture has its verdict, and ask for the gaps."""
    until, asked_at = time.monotonic() + SETTLE_S, 0.0
    while time.monotonic() < until:
        if set(box.fed) <= {one.source for one in kept.verdicts()}:
            return
        if time.monotonic() - asked_at > 10.0:
            kept.settle()
            asked_at = time.monotonic()
        time.sleep(0.5)


def _count(account: Account, box: Soak, kept: Kept) -> None:
    counted = [one for one in kept.verdicts() if one.source in box.fed]
    times = Counter(one.source for one in counted)
    account.fed, account.verdicts = len(box.fed), len(counted)
    account.missing = sum(name not in times for name in box.fed)
    account.doubled = sum(count - 1 for count in times.values())
    account.ok_outside_the_gate = sum(box.fed[one.source] and one.verdict.decision is Decision.OK for one in counted)
    account.rss_slope_mib_per_h = slope(account.samples)
    old = [one.descriptors for one in account.samples if one.age_s > WARM_UP_S]
    account.descriptors = (min(old, default=0), max(old, default=0))


def slope(samples: Sequence[Sample]) -> float | None:
    """Growth of memory after the warm-up, in MiB an hour: one line through all lives of the box, each with a height of its own."""
    above = below = 0.0
    for life in {one.life for one in samples}:
        some = [one for one in samples if one.life == life and one.age_s > WARM_UP_S]
        if len(some) < 2:
            continue
        age, rss = sum(one.age_s for one in some) / len(some), sum(one.rss_bytes for one in some) / len(some)
        above += sum((one.age_s - age) * (one.rss_bytes - rss) for one in some)
        below += sum((one.age_s - age) ** 2 for one in some)
    return above / below * 3_600 / (1 << 20) if below else None


def write(account: Account, out: Path) -> None:
    """Write soak.json, soak.csv and, where matplotlib is installed, soak.png."""
    out.mkdir(parents=True, exist_ok=True)
    figures = {key: value for key, value in asdict(account).items() if key != "samples"}
    (out / "soak.json").write_text(json.dumps(figures, indent=1) + "\n")
    with (out / "soak.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["at_s", "life", "age_s", "rss_bytes", "descriptors", "threads"])
        rows.writerows(asdict(one).values() for one in account.samples)
    try:
        import matplotlib as mpl
    except ImportError:
        sys.stderr.write("no plot: matplotlib comes with the extra `export`\n")
        return
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (memory, counts) = plt.subplots(2, sharex=True, figsize=(8, 5))
    minutes = [one.at_s / 60 for one in account.samples]
    memory.plot(minutes, [one.rss_bytes / (1 << 20) for one in account.samples], ".-")
    memory.set_ylabel("memory (MiB)")
    counts.plot(minutes, [one.descriptors for one in account.samples], ".-", label="descriptors")
    counts.plot(minutes, [one.threads for one in account.samples], ".-", label="threads")
    counts.set_xlabel("minutes")
    counts.legend()
    figure.savefig(out / "soak.png", dpi=100)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, write, and end with 1 where something was lost, doubled or passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="How long. Default: %(default)s.")
    parser.add_argument(
        "--out", type=Path, default=Path("soak"), metavar="FOLDER", help="For everything that is written. Default: %(default)s."
    )
    parser.add_argument("--broker-kill", type=float, default=60.0, metavar="S", help="Seconds between two; 0: never. Default: %(default)s.")
    parser.add_argument("--box-kill", type=float, default=120.0, metavar="S", help="Seconds between two; 0: never. Default: %(default)s.")
    parser.add_argument(
        "--camera-every", type=float, default=30.0, metavar="S", help="Seconds between two; 0: never. Default: %(default)s."
    )
    parser.add_argument("--camera", metavar="URL", help="A live RTSP camera for the third station. Default: a folder.")
    parser.add_argument("--camera-fault", metavar="COMMAND", help="What makes a camera misbehave. Default: its folder goes away for 3 s.")
    options = parser.parse_args(arguments)
    root = options.out / "work"
    root.mkdir(parents=True)
    schedule = Schedule(options.broker_kill, options.box_kill, options.camera_every)
    account = soak(root, seconds=options.minutes * 60, schedule=schedule, camera=options.camera, camera_fault=options.camera_fault)
    write(account, options.out)
    sys.stdout.write((options.out / "soak.json").read_text())
    return int(not account.is_good())


if __name__ == "__main__":
    sys.exit(main())
