"""What `kotoba-edge doctor` examines: each part of the box, tried as the daemon would use it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeVar

import numpy as np

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.cameras import open_camera
from edge.cameras.capture_factory import CaptureFactory
from edge.daemon.startup import box_info, open_spool, read_stations
from edge.describers import open_vision_models
from edge.errors import EdgeError
from edge.judges import open_language_model, open_station_judge
from edge.records import LostFrame, Pixels
from edge.sinks import open_sinks
from firmware_config.board import Board, read_board
from firmware_config.errors import ConfigError
from firmware_config.settings import BoxSettings
from firmware_config.station import Station

EARLIEST_TIME = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""A clock that shows an earlier time was never set. A Jetson without a battery starts in 1970, and verdicts are stamped with its clock."""

LOW_DISK_BYTES = 500_000_000
GRADIENT_SIDE_PX = 300

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the box, whether it works, and one sentence on what it runs on or why it fails."""

    part: str
    healthy: bool
    detail: str


def examine(settings: BoxSettings) -> list[Finding]:
    """Try every part of a box. A part that fails is a finding, not an exception."""
    findings: list[Finding] = []

    def attempt(part: str, examine_part: Callable[[], tuple[_Part, str]]) -> _Part | None:
        try:
            opened, detail = examine_part()
        except (EdgeError, ConfigError) as err:
            findings.append(Finding(part, healthy=False, detail=str(err)))
            return None
        findings.append(Finding(part, healthy=True, detail=detail))
        return opened

    attempt("clock", lambda: (None, _clock()))
    board = attempt("board", lambda: _board(settings))
    bundle = attempt("bundle", lambda: _bundle(settings))
    stations = attempt("stations", lambda: _stations(settings))
    attempt("spool", lambda: (None, _spool(settings)))
    attempt("disk", lambda: (None, _disk(settings)))
    if board is None or bundle is None or stations is None:
        return findings
    attempt("models", lambda: (None, _models(stations, bundle, board)))
    for station in stations:
        attempt(f"camera of {station.station.name}", lambda station=station: (None, _camera(station)))  # type: ignore[misc]
    attempt("outputs", lambda: (None, _outputs(stations, bundle, board, settings)))
    return findings


def _clock() -> str:
    now = datetime.now(timezone.utc)
    if now < EARLIEST_TIME:
        msg = f"the clock shows {now:%Y-%m-%d %H:%M} UTC: set it, verdicts are stamped with it"
        raise EdgeError(msg)
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def _board(settings: BoxSettings) -> tuple[Board, str]:
    board = read_board(settings.board)
    return board, f"{settings.board}: {', '.join(board.providers)}"


def _bundle(settings: BoxSettings) -> tuple[Bundle, str]:
    bundle = open_trusted_bundle(settings.bundle, keys=settings.keys)
    manifest = bundle.manifest
    return bundle, f"{manifest.name} version {manifest.bundle_version}, signed by {manifest.key_id}, {bundle.digest}"


def _stations(settings: BoxSettings) -> tuple[tuple[Station, ...], str]:
    stations = read_stations(settings.stations)
    return stations, ", ".join(station.station.name for station in stations)


def _spool(settings: BoxSettings) -> str:
    with closing(open_spool(settings)) as spool:
        status = spool.status()
    aside = f", a damaged one was moved to {status.moved_aside}" if status.moved_aside else ""
    return f"{settings.spool}: {status.rows} rows, {status.used_bytes / 1e6:.1f} of {status.max_bytes / 1e6:.0f} MB{aside}"


def _disk(settings: BoxSettings) -> str:
    folder = settings.spool.parent
    if not folder.is_dir():
        msg = f"the spool's folder {folder} does not exist: make it, or correct KOTOBA_SPOOL"
        raise EdgeError(msg)
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        msg = f"{free / 1e6:.0f} MB are free at {folder}, expected at least {LOW_DISK_BYTES / 1e6:.0f} MB: make room"
        raise EdgeError(msg)
    return f"{free / 1e9:.1f} GB free at {folder}"


def _models(stations: tuple[Station, ...], bundle: Bundle, board: Board) -> str:
    """Describe and judge one rendered picture with the settings of each station."""
    vision = open_vision_models(bundle, board=board)
    model = open_language_model(bundle, board=board)
    times = []
    for station in stations:
        judge = open_station_judge(model, bundle=bundle, station=station)
        frame = CaptureFactory(station.station.name).frame(_gradient(), source="doctor", started_ns=time.monotonic_ns())
        started = time.monotonic()
        judge.score(vision.describer(station.describe).describe(frame).words)
        times.append(f"{station.station.name} {(time.monotonic() - started) * 1e3:.0f} ms")
    return f"vision on {', '.join(vision.providers)}, language model: {model.runs_on}; one picture takes {', '.join(times)}"


def _gradient() -> Pixels:
    """A picture that grows brighter from left to right, uint8 (300, 300, 3)."""
    ramp = np.linspace(0, 255, GRADIENT_SIDE_PX).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (GRADIENT_SIDE_PX, GRADIENT_SIDE_PX, 3)))


def _camera(station: Station) -> str:
    camera = open_camera(station.camera, station=station.station.name, picture=station.picture)
    if station.camera.kind == "folder" and station.camera.watch:
        return f"folder {station.camera.path} is watched"
    with closing(camera):
        capture = next(camera.frames(), None)
    if capture is None:
        msg = f"the {station.camera.kind} camera gives no picture: look at what it is pointed at"
        raise EdgeError(msg)
    if isinstance(capture, LostFrame):
        raise EdgeError(capture.detail)
    height, width = capture.pixels.shape[:2]
    return f"{station.camera.kind} gives {width}x{height} from {capture.source}"


def _outputs(stations: tuple[Station, ...], bundle: Bundle, board: Board, settings: BoxSettings) -> str:
    routes = open_sinks(stations, box=f"{settings.box}-doctor", info=box_info(bundle, board))
    for route in routes:
        with closing(route.sink) as sink:
            sink.connect()
    return ", ".join(f"{route.name} takes {', '.join(route.stations)}" for route in routes) or "none: verdicts stay in the spool"
