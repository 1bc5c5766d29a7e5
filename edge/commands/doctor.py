"""`kotoba-edge doctor`: each part tried as the daemon would use it, and said in one line what it runs on or why it cannot."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

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

OLDEST_CLOCK = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""A clock before this was never set: no Jetson without a battery may stamp verdicts with 1970."""

LOW_DISK_BYTES = 500_000_000
TRY_SIDE_PX = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the box: what it is, whether it works, and one sentence."""

    what: str
    healthy: bool
    said: str

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return asdict(self)


def examine(settings: BoxSettings) -> list[Finding]:
    """Look at everything; never raises for what is wrong with the box."""
    findings: list[Finding] = []

    def look(what: str, part: Callable[[], str]) -> None:
        try:
            findings.append(Finding(what, healthy=True, said=part()))
        except (EdgeError, ConfigError) as err:
            findings.append(Finding(what, healthy=False, said=str(err)))

    opened: dict[str, object] = {}

    def stations() -> str:
        opened["stations"] = read_stations(settings.stations)
        return ", ".join(station.station.name for station in read_stations(settings.stations))

    def board() -> str:
        opened["board"] = read_board(settings.board)
        return f"{settings.board}: {', '.join(read_board(settings.board).providers)}"

    def bundle() -> str:
        found = open_trusted_bundle(settings.bundle, keys=settings.keys)
        opened["bundle"] = found
        return f"{found.manifest.name} version {found.manifest.bundle_version}, signed by {found.manifest.key_id}, {found.digest}"

    look("clock", _clock)
    look("board", board)
    look("bundle", bundle)
    look("stations", stations)
    look("spool", lambda: _spool(settings))
    look("disk", lambda: _disk(settings))
    match opened:
        case {"stations": tuple(some), "board": Board() as profile, "bundle": Bundle() as checked}:
            for what, part in _parts(some, checked, profile, settings):
                look(what, part)
        case _:
            pass
    return findings


def _parts(stations: tuple[Station, ...], bundle: Bundle, board: Board, settings: BoxSettings) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "models", lambda: _models(stations, bundle, board)
    for station in stations:
        yield f"camera of {station.station.name}", lambda station=station: _camera(station)  # type: ignore[misc]
    yield "outputs", lambda: _outputs(stations, bundle, board, settings)


def _clock() -> str:
    now = datetime.now(timezone.utc)
    if now < OLDEST_CLOCK:
        msg = f"the clock says {now:%Y-%m-%d %H:%M} UTC: set it, verdicts are stamped with it"
        raise EdgeError(msg)
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def _spool(settings: BoxSettings) -> str:
    with closing(open_spool(settings)) as spool:
        status = spool.status()
    aside = f", a damaged one was moved to {status.moved_aside}" if status.moved_aside else ""
    return f"{settings.spool}: {status.rows} rows, {status.used_bytes / 1e6:.1f} of {status.max_bytes / 1e6:.0f} MB{aside}"


def _disk(settings: BoxSettings) -> str:
    folder = settings.spool.parent
    if not folder.is_dir():
        msg = f"{folder} does not exist: make it, the spool lives there"
        raise EdgeError(msg)
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        msg = f"{free / 1e6:.0f} MB are free at {folder}, expected at least {LOW_DISK_BYTES / 1e6:.0f}: make room"
        raise EdgeError(msg)
    return f"{free / 1e9:.1f} GB free at {folder}"


def _models(stations: tuple[Station, ...], bundle: Bundle, board: Board) -> str:
    """Describe and judge one drawn picture with every station's settings."""
    vision = open_vision_models(bundle, board=board)
    model = open_language_model(bundle, board=board)
    took = []
    for station in stations:
        judge = open_station_judge(model, bundle=bundle, station=station)
        frame = CaptureFactory(station.station.name).frame(_gradient(), source="doctor", started_ns=time.monotonic_ns())
        started = time.monotonic()
        judge.score(vision.describer(station.describe).describe(frame).words)
        took.append(f"{station.station.name} {(time.monotonic() - started) * 1e3:.0f} ms")
    return f"vision on {', '.join(vision.providers)}, language model: {model.runs_on}; one picture takes {', '.join(took)}"


def _gradient() -> Pixels:
    import numpy as np

    ramp = np.linspace(0, 255, TRY_SIDE_PX).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (TRY_SIDE_PX, TRY_SIDE_PX, 3)))


def _camera(station: Station) -> str:
    camera = open_camera(station.camera, station=station.station.name)
    if station.camera.kind == "folder" and station.camera.watch:
        return f"folder {station.camera.path} is watched"
    with closing(camera):
        capture = next(camera.frames(), None)
    if capture is None:
        msg = f"{station.camera.kind} gives no picture: look at what it is pointed at"
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
