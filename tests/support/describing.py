"""`kotoba-export describe` as a process that can be killed at a shard, with all that it starts."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import psutil
from typing_extensions import Self

from tests.support.repository import KEYS, ROOT, STARTER

DEADLINE_S = 120.0
POLL_S = 0.01
ACTOR = "ray::_Actor"
"""The title of a process of Ray's that describes."""


class Describing:
    """The command on a folder of pictures; used with `with`, which ends it and all that it started."""

    def __init__(self, pictures: Path, out: Path, *more: str) -> None:
        self._out = out
        self._log = out.with_suffix(".log")
        self._command = [sys.executable, "-m", "export.cli", "describe", str(pictures), "--out", str(out), *more]
        self._command += ["--bundle", str(STARTER), "--keys", str(KEYS), "--shard-rows", "4"]
        self._family: set[psutil.Process] = set()

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=log, stderr=log)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._remember()
        self._process.kill()
        self._process.wait()
        for process in self._family:  # of Ray's, some outlive a killed driver by a while
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def wait_for_shards(self, count: int) -> None:
        """Until so many shards are finished; it must not have ended by then."""
        deadline = time.monotonic() + DEADLINE_S
        while len(list((self._out / "unfinished").glob("0*.json"))) < count:
            assert self._process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(POLL_S)
        self._remember()

    def kill(self) -> None:
        """End it without warning."""
        self._process.kill()
        self._process.wait()

    def kill_worker(self) -> None:
        """End a process of Ray's that describes, without warning."""
        actor = next(process for process in self._family if process.is_running() and ACTOR in " ".join(process.cmdline()))
        actor.kill()

    def ended(self) -> int:
        """The exit code."""
        return self._process.wait(DEADLINE_S)

    @property
    def said(self) -> str:
        """What it printed."""
        return self._log.read_text(encoding="utf-8")

    def _remember(self) -> None:
        if self._process.poll() is None:
            self._family.update(psutil.Process(self._process.pid).children(recursive=True))
