"""How long the box took for the pictures of a pilot, and what memory and energy it needs, on the machine of the pilot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import ValidationError

from edge.machine.machine import read_machine
from export.chapters.box import Box
from export.chapters.errors import ChapterError
from export.chapters.inspected import Inspected
from export.chapters.spending import Request, Spent
from export.findings.box import Latency, Stage

PROCESS = (sys.executable, "-m", "export.chapters.box_process")
PICTURES = 20
"""Inspected by the process whose memory is counted."""
LONGEST_S = 1_800.0
WHOLE = "whole"
"""The stage that is the sum of all others."""
LAST_WORDS = 300
"""Characters of stderr in the error of a process that ended early."""


def latency(inspected: Inspected, box: Box, *, trusted: Mapping[str, bytes], command: Sequence[str] = PROCESS) -> Latency:
    """Times by stage of the pictures that were judged; memory and energy of a process that does nothing else.

    `trusted` are the public keys that the bundle is opened with.

    Raises:
        ChapterError: no picture was judged, or the process failed.
    """
    rows = [int(row) for row in np.flatnonzero(inspected.judged)]
    if not rows:
        msg = "measuring how long pictures take: none was judged, each is a FAULT: look at the station's [picture] section"
        raise ChapterError(msg)
    times = [dict(inspected.inspections[row].timings_ms) for row in rows]
    names = list(dict.fromkeys(name for one in times for name in one))
    whole = np.array([sum(one.values()) for one in times])
    stages = [_stage(name, np.array([one[name] for one in times if name in one])) for name in names]
    request = Request(
        bundle=box.bundle.root,
        trusted={identity: public.hex() for identity, public in trusted.items()},
        station=box.station,
        board=box.board,
        pictures=tuple(inspected.pictures[row].path for row in rows[:PICTURES]),
    )
    spent = _spent(request, command)
    return Latency(
        machine=read_machine().told,
        pictures=len(rows),
        stages=(*stages, _stage(WHOLE, whole)),
        pictures_per_second=float(1_000 / whole.mean()),
        memory_mib=spent.peak_mib,
        joules=spent.joules,
    )


def _stage(name: str, times_ms: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Stage:
    p50, p95, p99 = np.percentile(times_ms, (50, 95, 99))
    return Stage(name=name, p50=float(p50), p95=float(p95), p99=float(p99))


def _spent(request: Request, command: Sequence[str]) -> Spent:
    try:
        done = subprocess.run(command, input=request.model_dump_json(), capture_output=True, text=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired as err:
        msg = f"measuring the memory of the box: it took more than {LONGEST_S:.0f} s: look at the load of the machine"
        raise ChapterError(msg) from err
    except OSError as err:
        msg = f"measuring the memory of the box: {command[0]} cannot be started ({err.strerror}): install the program again"
        raise ChapterError(msg) from err
    try:
        return Spent.model_validate_json(done.stdout.splitlines()[-1] if done.stdout else "")
    except ValidationError as err:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1][-LAST_WORDS:]
        msg = f"measuring the memory of the box: its process ended with {done.returncode} and said {said!r}: free memory and run again"
        raise ChapterError(msg) from err
