"""The parent's side of `parse_child.py`: a bundle is parsed in a child with limits, and the child's death is a sentence."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge.bundle.open import Bundle
from edge.errors import BundleError

CHILD = (sys.executable, "-m", "edge.slots.parse_child")

MIN_MEMORY_BYTES = 1 << 30
MEMORY_SHARE = 4
"""A session of onnxruntime needs the weights, their copy in its layout, and what it computes once when it opens: three times the file."""

MIN_CPU_S, BYTES_PER_CPU_S = 60, 5_000_000
"""Of processor time. Opening a graph of 90 MB takes 1 s on a workstation; a small ARM core is ten times slower."""

WALL_SHARE = 5
"""A child that waits instead of computing is ended after so many times its processor time."""

MAX_SAID_BYTES = 20_000
"""From the end of what the child said."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the child may take: memory in bytes, processor time and time of the clock in seconds."""

    memory_bytes: int
    cpu_s: int
    wall_s: float


def limits_for(bundle: Bundle) -> Limits:
    """The limits for a bundle of this size."""
    sizes = [file.size for file in bundle.manifest.files]
    cpu_s = MIN_CPU_S + sum(sizes) // BYTES_PER_CPU_S
    return Limits(max(MIN_MEMORY_BYTES, MEMORY_SHARE * max(sizes)), cpu_s, WALL_SHARE * cpu_s)


def parse_in_child(bundle: Bundle, *, limits: Limits | None = None, command: Sequence[str] = CHILD) -> int:
    """Let each native parser read its files of a checked bundle; returns the resident memory that it took at most, in MB.

    Raises:
        BundleError: a parser refuses a file, dies of it, or takes more memory or time than the limits.
    """
    limits = limits or limits_for(bundle)
    arguments = [*command, str(bundle.root), bundle.digest, str(limits.memory_bytes), str(limits.cpu_s)]
    said = os.memfd_create("parse-child")
    try:
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.DEVNULL) as child:
            try:
                code = child.wait(limits.wall_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                child.kill()
        lines = _lines(said)
    except OSError as err:
        msg = f"bundle {bundle.root}: it cannot be parsed in a process of its own ({err.strerror}): free memory"
        raise BundleError(msg) from err
    finally:
        os.close(said)
    last = lines[-1] if lines else {}
    if code == 0 and isinstance(last.get("peak_mb"), int):
        return int(last["peak_mb"])
    name = next((line["reading"] for line in reversed(lines) if "reading" in line), "its first file")
    msg = f"bundle {bundle.root}: {_why(code, last, limits, name=str(name)[:200])}"
    raise BundleError(msg)


def _why(code: int | None, last: dict[str, Any], limits: Limits, *, name: str) -> str:
    if code == 1 and "refused" in last:
        said = " ".join(str(last["refused"]).split())[:400].replace(". ", ", ")
        return f"{name} cannot be used: {said}"
    if code is None:
        return f"reading {name} took longer than {limits.wall_s:.0f} s: build the bundle again"
    if code in {-signal.SIGXCPU, -signal.SIGKILL}:
        what = f"{limits.cpu_s} s of processor time or {limits.memory_bytes / 1e6:.0f} MB of memory"
        return f"reading {name} took more than {what}: build the bundle for a smaller box"
    how = f"signal {-code}, {signal.strsignal(-code)}" if code < 0 else f"exit code {code}"
    return f"the process that read {name} died of it ({how}): do not use this bundle, and tell its builder"


def _lines(said: int) -> list[dict[str, Any]]:
    """What the child said, as far as it is JSON: it may have been cut off."""
    size = os.fstat(said).st_size
    lines = []
    for line in os.pread(said, MAX_SAID_BYTES, max(0, size - MAX_SAID_BYTES)).splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(line)
            if isinstance(value, dict):
                lines.append(value)
    return lines
