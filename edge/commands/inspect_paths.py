"""`kotoba-edge inspect`: the daemon's pipeline over pictures, folders and videos, without broker and spool."""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edge.bundle.open import open_trusted_bundle
from edge.cameras import open_camera
from edge.daemon.metrics import peak_bytes
from edge.errors import CameraError, EdgeError
from edge.inspection.open import open_inspectors
from edge.interfaces import Camera
from edge.message import encode
from edge.records import Capture, Inspection
from firmware_config.board import read_board
from firmware_config.cameras import FolderCamera, VideoCamera
from firmware_config.settings import BoxSettings
from firmware_config.station import read_station

VIDEO_SUFFIXES = frozenset({".avi", ".mkv", ".mov", ".mp4"})
PROGRESS_EVERY_S = 0.5


def inspect_paths(paths: Sequence[Path], *, station_file: Path, jsonl: Path | None, settings: BoxSettings) -> None:
    """Write one line for each picture, in the order of `paths`, then a summary to stderr.

    Raises:
        ConfigError, BundleError: what the command was told is wrong.
        CameraError: a path does not exist.
        EdgeError: the lines cannot be written.
    """
    station = read_station(station_file)
    captures = captures_of(paths, station.station.name)
    bundle = open_trusted_bundle(settings.bundle, keys=settings.keys)
    (inspector,) = open_inspectors(bundle, [station], board=read_board(settings.board))
    summary = _Summary()
    try:
        with ExitStack() as stack:
            out: BinaryIO = sys.stdout.buffer if jsonl is None else stack.enter_context(jsonl.open("wb"))
            for capture in captures:
                inspection = inspector.inspect(capture)
                out.write(encode(inspection) + b"\n")
                summary.add(inspection)
            out.flush()
    except OSError as err:
        msg = f"writing the lines to {jsonl or 'stdout'}: {err.strerror}: give another path or make room"
        raise EdgeError(msg) from err
    finally:
        summary.close()


def captures_of(paths: Sequence[Path], station: str) -> Iterator[Capture]:
    """The pictures of files, folders and videos in their order, for the station of that name.

    Raises:
        CameraError: a path does not exist.
    """
    return itertools.chain.from_iterable([camera.frames() for camera in [_camera(path, station) for path in paths]])


def _camera(path: Path, station: str) -> Camera:
    if not path.exists():
        msg = f"inspecting {path}: there is no such file or folder: correct the path"
        raise CameraError(msg)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return open_camera(VideoCamera(kind="video", path=path), station=station)
    folder, pattern = (path, "*") if path.is_dir() else (path.parent, _literal(path.name))
    return open_camera(FolderCamera(kind="folder", path=folder, pattern=pattern), station=station)


def _literal(name: str) -> str:
    """A glob pattern that matches just this name."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


class _Summary:
    """Counts, speed, times by stage and peak memory; on a terminal also where we are."""

    def __init__(self) -> None:
        self._started = self._shown = time.monotonic()
        self._decisions: Counter[str] = Counter()
        self._times_ms: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, inspection: Inspection) -> None:
        self._decisions[inspection.verdict.decision.value] += 1
        for stage, took_ms in inspection.timings_ms:
            self._times_ms[stage].append(took_ms)
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._shown > PROGRESS_EVERY_S:
            self._shown = now
            count = self._decisions.total()
            print(f"\r\x1b[K{count} pictures, {count / (now - self._started):.1f} a second", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        took_s = time.monotonic() - self._started
        count = self._decisions.total()
        say = [
            f"{count} pictures in {took_s:.1f} s, {count / took_s:.2f} a second: "
            + ", ".join(f"{k} {v}" for k, v in sorted(self._decisions.items()))
        ]
        for stage, times in self._times_ms.items():
            p50, p95 = np.percentile(times, (50, 95))
            say.append(f"{stage:8} p50 {p50:8.2f} ms  p95 {p95:8.2f} ms")
        say.append(f"peak memory {peak_bytes() / 2**20:.0f} MiB")
        print(("\r\x1b[K" if sys.stderr.isatty() else "") + "\n".join(say), file=sys.stderr)
