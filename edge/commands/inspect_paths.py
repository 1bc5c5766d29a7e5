"""`kotoba-edge inspect`: the daemon's pipeline over pictures, folders and videos, without broker and spool."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from edge.commands.options import Commands, add_command, add_models_options, add_station_option, settings_from
from edge.errors import CameraError, EdgeError
from edge.interfaces import Camera
from edge.message import encode
from edge.records import Capture, Inspection
from firmware_config.exit_codes import DONE
from firmware_config.settings import BoxSettings
from firmware_config.station import Station, read_station

VIDEO_SUFFIXES = frozenset({".avi", ".mkv", ".mov", ".mp4"})
PROGRESS_EVERY_S = 0.5


def register(commands: Commands) -> None:
    """Add the verb."""
    inspect = add_command(
        commands,
        "inspect",
        summary="Inspect pictures, folders or videos, and write one JSON line for each picture.",
        details="The pipeline is the daemon's, without broker and spool. A summary goes to stderr.",
        example="kotoba-edge inspect pictures/ --station cell.toml --bundle .kotoba/starter --keys .kotoba/keys --jsonl lines.jsonl",
        run=_inspect,
    )
    inspect.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="A picture, a folder of pictures, or a video.")
    add_station_option(inspect)
    inspect.add_argument("--jsonl", type=Path, metavar="OUT", help="The file that the lines are written to. Default: stdout.")
    add_models_options(inspect)


def _inspect(options: argparse.Namespace, settings: BoxSettings) -> int:
    inspect_paths(options.paths, station_file=options.station, jsonl=options.jsonl, settings=settings_from(options, settings))
    return DONE


def inspect_paths(paths: Sequence[Path], *, station_file: Path, jsonl: Path | None, settings: BoxSettings) -> None:
    """Write one line for each picture, in the order of `paths`, then a summary to stderr.

    Raises:
        ConfigError, BundleError: the station file, the board or the bundle is wrong.
        CameraError: a path does not exist.
        EdgeError: the lines cannot be written.
    """
    from edge.inspection.open import open_inspectors
    from edge.slots.open import open_running_bundle
    from firmware_config.board import read_board

    station = read_station(station_file)
    captures = captures_of(paths, station)
    bundle = open_running_bundle(settings)
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
    except BrokenPipeError:  # the reader of stdout has read enough: not a failure, see edge/cli.py
        raise
    except OSError as err:
        msg = f"writing the lines to {jsonl or 'stdout'}: {err.strerror}: give another path or make room"
        raise EdgeError(msg) from err
    finally:
        summary.close()


def captures_of(paths: Sequence[Path], station: Station) -> Iterator[Capture]:
    """The pictures of files, folders and videos in their order, read as the station says.

    Raises:
        CameraError: a path does not exist.
    """
    return itertools.chain.from_iterable([camera.frames() for camera in [_camera(path, station) for path in paths]])


def _camera(path: Path, station: Station) -> Camera:
    from edge.cameras import open_camera
    from edge.cameras.named_files import NamedFiles
    from firmware_config.cameras import FolderCamera, VideoCamera

    name, picture = station.station.name, station.picture

    if not path.exists():
        msg = f"inspecting {path}: there is no such file or folder: correct the path"
        raise CameraError(msg)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return open_camera(VideoCamera(kind="video", path=path), station=name, picture=picture)
    if path.is_dir():
        return open_camera(FolderCamera(kind="folder", path=path, watch=False), station=name, picture=picture)
    return NamedFiles([path], station=name, picture=picture)


class _Summary:
    """Counts of decisions, speed, times by stage and peak memory; on a terminal also a line of progress."""

    def __init__(self) -> None:
        self._started = self._shown = time.monotonic()
        self._decisions: Counter[str] = Counter()
        self._times_ms: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, inspection: Inspection) -> None:
        self._decisions[inspection.verdict.decision.value] += 1
        for stage, time_ms in inspection.timings_ms:
            self._times_ms[stage].append(time_ms)
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._shown > PROGRESS_EVERY_S:
            self._shown = now
            count = self._decisions.total()
            print(f"\r\x1b[K{count} pictures, {count / (now - self._started):.1f} a second", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        import numpy as np

        from edge.daemon.metrics import peak_bytes

        duration_s, count = time.monotonic() - self._started, self._decisions.total()
        decisions = ", ".join(f"{decision} {number}" for decision, number in sorted(self._decisions.items()))
        lines = [f"{count} pictures in {duration_s:.1f} s, {count / duration_s:.2f} a second: {decisions}"]
        for stage, times in self._times_ms.items():
            p50, p95 = np.percentile(times, (50, 95))
            lines.append(f"{stage:8} p50 {p50:8.2f} ms  p95 {p95:8.2f} ms")
        lines.append(f"peak memory {peak_bytes() / 2**20:.0f} MiB")
        print(("\r\x1b[K" if sys.stderr.isatty() else "") + "\n".join(lines), file=sys.stderr)
