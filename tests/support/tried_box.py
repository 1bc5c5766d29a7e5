"""A real box with slots for bundles: `kotoba-edge run` on a watched folder, pictures that come in all the time, bundles to be tried."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import cv2
import numpy as np
import psutil

from edge.slots.slots import Slots
from edge.slots.state import Slot, State
from edge.trial.candidate import CANDIDATE
from tests.support.repository import ROOT, STARTER
from tests.support.tiny_bundle import TRUSTED
from tests.support.trial_bundles import STATION
from tests.support.trial_keys import write_keys

DEADLINE_S = 150.0
EVERY_S = 0.1
BRIGHT_LEVEL = 235


class TriedBox:
    """The box in the folder `root`; `settings` are more variables of its environment, without their prefix."""

    def __init__(self, root: Path, *, outputs: str = "", **settings: str) -> None:
        self.root = root
        self.pictures, self.out = root / "pictures", root / "verdicts.jsonl"
        for folder in (self.pictures, root / "stations", root / "bundles"):
            folder.mkdir()
        self.slots = Slots(root / "bundles")
        write_keys(root / "keys")
        jsonl = f'\n[outputs.jsonl]\npath = "{self.out}"\n'
        text = STATION.replace("FOLDER", str(self.pictures)) + jsonl + outputs
        (root / "stations" / "cell-01.toml").write_text(text, encoding="utf-8")
        given = {"stations": root / "stations", "bundles": root / "bundles", "keys": root / "keys", "spool": root / "spool.sqlite"}
        variables = {f"KOTOBA_{name.upper()}": str(value) for name, value in (given | settings).items()}
        self._environment = os.environ | variables | {"PYTHONPATH": str(ROOT), "KOTOBA_SPOOL_MAX_BYTES": "50000000"}
        self._process: subprocess.Popen[bytes] | None = None
        self.is_bright = False
        """Whether the pictures are brighter now than any golden one."""
        self.given = 0

    def start(self) -> None:
        """Start the daemon."""
        log = (self.root / "log").open("ab")
        command = [sys.executable, "-m", "edge.cli", "run"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stderr=log)
        log.close()

    def kill(self) -> None:
        """Kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """SIGTERM; it ends with 0."""
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(DEADLINE_S) == 0, self.log()
        self._process = None

    def reload(self, old: str, new: str) -> None:
        """Change the station file, and say so."""
        path = self.root / "stations" / "cell-01.toml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def log(self) -> str:
        """What the daemon has logged."""
        return (self.root / "log").read_text(encoding="utf-8", errors="replace")

    @contextmanager
    def running(self) -> Iterator[None]:
        """The daemon, with a new picture ten times a second, until the end; then every picture has one verdict."""
        self.start()
        stop = threading.Event()
        feeder = threading.Thread(target=self._feed, args=(stop,), name="feeder")
        feeder.start()
        try:
            yield
            stop.set()
            feeder.join()
            self.wait_for(lambda: len(self.verdicts()) == self.given, "verdicts on all pictures")
            self.stop()
        finally:
            stop.set()
            feeder.join()
            self.kill()

    def try_bundle(self, folder: Path) -> str:
        """Install a bundle and ask for its trial; returns its digest."""
        _, slot = self.slots.install(folder, trusted=TRUSTED)
        self.slots.ask()
        return slot.digest

    def slot_of(self, digest: str) -> Slot:
        """What the state says of a bundle."""
        return next(slot for slot in slots_of(self.slots.read()) if slot.digest == digest)

    def verdicts(self) -> list[dict[str, object]]:
        """Each verdict once, as a consumer counts them."""
        lines = self.out.read_bytes().rpartition(b"\n")[0].splitlines() if self.out.exists() else []
        return list({verdict["id"]: verdict for verdict in map(json.loads, lines)}.values())

    def require_one_verdict_each(self) -> None:
        """Each picture has one verdict, and no number is missing."""
        verdicts = self.verdicts()
        assert sorted(str(verdict["source"]) for verdict in verdicts) == [f"{number:05}.png" for number in range(self.given)]
        assert [verdict["seq"] for verdict in verdicts] == list(range(1, self.given + 1))

    def candidate(self) -> psutil.Process | None:
        """The child process of a bundle in trial."""
        if self._process is None:
            return None
        for child in psutil.Process(self._process.pid).children():
            try:
                if CANDIDATE[-1] in child.cmdline():
                    return child
            except psutil.NoSuchProcess:
                continue
        return None

    def wait_for(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something is so."""
        deadline = monotonic() + DEADLINE_S
        while not is_so():
            assert monotonic() < deadline, f"no {what}: {self.slots.read().model_dump_json(indent=1)}\n{self.log()[-3000:]}"
            assert self._process is not None, "the daemon does not run"
            assert self._process.poll() is None, f"the daemon ended\n{self.log()[-3000:]}"
            threading.Event().wait(0.02)

    def wait_for_condition(self, digest: str, condition: str) -> Slot:
        """Wait until a bundle is staged, in trial, good or returned."""
        self.wait_for(lambda: self.slot_of(digest).state == condition, f"bundle that is {condition}")
        return self.slot_of(digest)

    def wait_for_shadow(self) -> None:
        """Wait until the bundle in trial has seen live pictures."""
        log = self.root / "bundles" / "trial.jsonl"
        seen = log.stat().st_size if log.exists() else 0
        self.wait_for(lambda: log.exists() and log.stat().st_size > seen, "live pictures in the trial")

    def _feed(self, stop: threading.Event) -> None:
        sources = [np.asarray(cv2.imread(str(path))) for path in sorted((STARTER / "golden").glob("*.png"))]
        while not stop.wait(EVERY_S):
            pixels = sources[self.given % len(sources)].copy()
            if self.is_bright:
                top = pixels[: pixels.shape[0] * 2 // 5]
                top[top < BRIGHT_LEVEL] = BRIGHT_LEVEL
            cv2.imwrite(str(self.root / "new.png"), pixels)
            (self.root / "new.png").rename(self.pictures / f"{self.given:05}.png")
            self.given += 1


def slots_of(state: State) -> list[Slot]:
    """The bundles of a box."""
    return [slot for slot in (state.a, state.b) if slot is not None]
