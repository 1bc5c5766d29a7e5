"""The child process that runs a bundle in trial: `python -m edge.trial.candidate_process`. Its parent may kill it at any time.

stdin: a `Task`, then an `Asked` for each picture, its pixels after it. stdout: an `Answer` to each of them. What hangs, crashes or takes
too much memory here costs the daemon nothing: the parent has deadlines, and this process is the first that the kernel ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.errors import BundleError, EdgeError
from edge.inspection.golden import inspect_golden_picture, read_golden_station, without_camera
from edge.inspection.inspector import Inspector
from edge.inspection.open import open_inspectors
from edge.message import encode
from edge.records import Frame, Inspection
from edge.trial.messages import MAX_LINE_BYTES, MAX_PICTURE_BYTES, Answer, Asked, Task, line
from firmware_config.errors import ConfigError
from firmware_config.station import Station

NICENESS = 10
"""The line goes first: beside a daemon that uses all cores this process gets about a tenth of them."""

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""

OOM_SCORE = "1000"
"""The kernel ends this process before any other when memory is used up (proc(5), oom_score_adj)."""


def main() -> int:
    """Load the bundle and answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what native code prints is no answer
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    said = sys.stdin.buffer.readline(MAX_LINE_BYTES)
    if not said:
        return 0
    task = Task.model_validate_json(said)
    _be_a_guest(task)
    try:
        candidate = _Candidate(task)
    except (ConfigError, EdgeError) as err:
        _say(answers, Answer(refused=str(err)))
        return 1
    except MemoryError:
        _say(answers, Answer(refused=f"opening bundle {task.bundle}: it takes more memory than a bundle in trial may have"))
        return 1
    _say(answers, Answer())
    while said := sys.stdin.buffer.readline(MAX_LINE_BYTES):
        _say(answers, candidate.answer(Asked.model_validate_json(said), sys.stdin.buffer))
    return 0


class _Candidate:
    """The bundle with its inspectors: one for each station of the box, one for the golden pictures."""

    def __init__(self, task: Task) -> None:
        self._bundle = _opened(task)
        golden = read_golden_station(self._bundle)
        # Each golden picture is judged anew each time: scores from the cache would say nothing about the time that judging takes.
        golden = golden.model_copy(update={"judge": golden.judge.model_copy(update={"cached_scores": 0})})
        self._golden, *self._live = _inspectors(self._bundle, (golden, *map(without_camera, task.stations)), task)

    def answer(self, asked: Asked, pictures: BinaryIO) -> Answer:
        """Inspect a picture."""
        frame = None if asked.golden is not None else _frame(asked, pictures, self._live[asked.station].station)
        wall, cpu = time.monotonic(), time.process_time()
        inspection = self._golden_inspection(asked.golden) if frame is None else self._live[asked.station].inspect(frame)
        wall_ms, cpu_ms = (time.monotonic() - wall) * 1e3, (time.process_time() - cpu) * 1e3
        return Answer(inspection=json.loads(encode(inspection)), wall_ms=wall_ms, cpu_ms=cpu_ms)

    def _golden_inspection(self, number: int | None) -> Inspection:
        picture = self._bundle.manifest.golden[number or 0].picture
        return inspect_golden_picture(self._bundle, picture, self._golden)


def _opened(task: Task) -> Bundle:
    bundle = open_trusted_bundle(task.bundle, keys=task.keys)
    if bundle.digest != task.digest:
        msg = f"bundle {task.bundle} was changed while its trial began: install it again"
        raise BundleError(msg)
    return bundle


def _inspectors(bundle: Bundle, stations: Sequence[Station], task: Task) -> tuple[Inspector, ...]:
    return open_inspectors(bundle, stations, board=task.board)


def _frame(asked: Asked, pictures: BinaryIO, station: Station) -> Frame:
    """The live picture whose pixels come next."""
    if not 0 < asked.pixel_bytes <= MAX_PICTURE_BYTES:
        msg = f"a picture of {asked.height} x {asked.width} pixels cannot be looked at"
        raise ValueError(msg)
    raw = pictures.read(asked.pixel_bytes)
    if len(raw) != asked.pixel_bytes:  # the parent is gone
        raise SystemExit
    pixels = np.frombuffer(raw, np.uint8).reshape(asked.height, asked.width, 3)
    moment = asked.captured_at or datetime.now(timezone.utc)
    return Frame(pixels, moment, time.monotonic_ns(), station.station.name, 0, asked.source)


def _be_a_guest(task: Task) -> None:
    """Give way to the daemon in everything, and end with it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != task.parent:  # it ended before this was said
        raise SystemExit
    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE, encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if task.data_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (task.data_bytes, task.data_bytes))


def _say(answers: BinaryIO, answer: Answer) -> None:
    try:
        answers.write(line(answer))
        answers.flush()
    except OSError as err:  # the parent is gone
        raise SystemExit from err


if __name__ == "__main__":
    sys.exit(main())
