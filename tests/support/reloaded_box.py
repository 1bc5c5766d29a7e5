"""A box that runs as a process while its station files change: what it is told, what it is given to judge, and what arrives of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from export.bundle.build import build
from export.cache import Cache
from export.spec import read_spec
from firmware_config.board import Board
from tests.support.consumer import Consumer, Got
from tests.support.mosquitto import Mosquitto
from tests.support.picture_files import encoded
from tests.support.tiny_spec import write_spec

ROOT_TOPIC = "plant/line1"
DEADLINE_S = 120.0
BOX = "box1"


def build_tiny(folder: Path) -> Path:
    """A folder with a bundle of random weights that runs, and its keys."""
    board = Board(name="test", providers=("cpu",), threads=1)
    spec = read_spec(write_spec(folder / "spec"))
    key = folder / "keys" / "builder.key"
    build(spec, out=folder / "bundle", key=key, cache=Cache(folder / "cache"), archive=False, board=board, report=lambda _: None)
    return folder


class ReloadedBox:
    """`sent` are the pictures that were put into the folders, with the moment (monotonic s), `arrived` their verdicts; by station and name.

    `statuses` and `events` are those of the box at its first root.
    """

    def __init__(self, root: Path, sound: Path, broker: Mosquitto) -> None:
        self.root, self.broker = root, broker
        self.stations = root / "stations"
        self.stations.mkdir()
        self._sound = sound
        self._log = root / "log"
        self._changed = threading.Condition()
        self.sent: dict[tuple[str, str], float] = {}
        self.arrived: dict[tuple[str, str], list[tuple[float, dict[str, Any]]]] = defaultdict(list)
        self.statuses: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.more_environment: dict[str, str] = {}
        self._dice = np.random.default_rng(0)

    def write(self, name: str, *, path: str = ROOT_TOPIC, sections: str = "", meaning: str = "no defect", tags: int = 2) -> None:
        """Write a station file whole, as `kotoba-config` does."""
        pictures = self.root / "pictures" / name
        pictures.mkdir(parents=True, exist_ok=True)
        text = f"""
[station]
name = "{name}"
path = "{path}"

[camera]
kind = "folder"
path = "{pictures}"

[[labels]]
name = "good"
meaning = "{meaning}"
decision = "ok"

[[labels]]
name = "bad"
decision = "ng"

[describe]
tags = {tags}
attributes = 2
samples = 0
max_tokens = 4

[outputs.mqtt]
host = "127.0.0.1"
port = {self.broker.port}
{sections}"""
        self.put(name, text)

    def put(self, name: str, text: str) -> None:
        """Put any text in the place of a station file."""
        draft = self.root / "draft.toml"
        draft.write_text(text)
        draft.rename(self.stations / f"{name}.toml")

    def feed(self, name: str) -> tuple[str, str]:
        """Give a station one picture more, which is there at once; returns its station and name."""
        source = f"{len(self.sent):06}.png"
        draft = self.root / "draft.png"
        draft.write_bytes(encoded(self._dice.integers(0, 256, (48, 64), np.uint8), "png"))
        self.sent[name, source] = time.monotonic()
        draft.rename(self.root / "pictures" / name / source)
        return name, source

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def environment(self) -> dict[str, str]:
        settings = {
            "KOTOBA_BOX": BOX,
            "KOTOBA_STATIONS": self.stations,
            "KOTOBA_BUNDLE": self._sound / "bundle",
            "KOTOBA_KEYS": self._sound / "keys",
            "KOTOBA_SPOOL": self.root / "spool" / "spool.sqlite",
            "OMP_NUM_THREADS": 1,
        }
        return {**os.environ, **{key: str(value) for key, value in settings.items()}, **self.more_environment}

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run it, with a consumer of everything; it ends with SIGTERM."""
        command = [str(Path(sys.executable).with_name("kotoba-edge")), "run"]
        with Consumer(self.broker, "plant/#", on_message=self._take), self._log.open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
            try:
                self.wait_until(lambda: "running stations=" in self.log, process)
                yield process
                process.send_signal(signal.SIGTERM)
                assert process.wait(DEADLINE_S) == 0, self.log[-2000:]
            finally:
                process.kill()
                process.wait()

    def reload(self, process: subprocess.Popen[bytes]) -> None:
        """Let it take over the files; returns when it has, or has refused."""
        count = self.reloads
        process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: self.reloads > count, process)

    @property
    def open(self) -> int:
        """How many pictures have no verdict yet, but those of stations that are gone for now."""
        return sum(key not in self.arrived and (self.stations / f"{key[0]}.toml").exists() for key in list(self.sent)[-50:])

    @property
    def reloads(self) -> int:
        """How many are done, refused ones too."""
        return self.log.count(" reloaded changed=") + self.log.count(" reload refused: ")

    def wait_for_verdicts(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until each picture that was sent has a verdict."""
        self.wait_until(lambda: self.sent.keys() <= self.arrived.keys(), process)

    def latencies_ms(self, stations: Sequence[str], sent: Sequence[tuple[str, str]]) -> list[float]:
        """From the moment a picture is there to its verdict over MQTT, of some pictures."""
        return [(self.arrived[key][0][0] - self.sent[key]) * 1e3 for key in sent if key[0] in stations]

    def wait_until(self, happened: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        with self._changed:
            while not happened():
                assert process.poll() is None, f"the box ended: {self.log[-2000:]}"
                assert time.monotonic() < deadline, f"it did not happen in time: {self.log[-2000:]}"
                self._changed.wait(0.02)

    def _take(self, got: Got) -> None:
        at = time.monotonic()
        with self._changed:
            if got.topic.endswith("/verdict"):
                verdict = json.loads(got.payload)
                self.arrived[verdict["station"], verdict["source"]].append((at, verdict))
            elif got.topic == f"{ROOT_TOPIC}/{BOX}/status":
                self.statuses.append(json.loads(got.payload))
            elif got.topic == f"{ROOT_TOPIC}/{BOX}/events":
                self.events.append(json.loads(got.payload))
            self._changed.notify_all()
