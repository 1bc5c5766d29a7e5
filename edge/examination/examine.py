"""What `kotoba-edge doctor` examines: each part of the box, tried as the daemon would use it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeVar

from edge.bundle.open import Bundle
from edge.cameras import open_camera
from edge.cameras.clock import is_clock_synchronised
from edge.daemon.parts import evidence_folder, read_stations
from edge.daemon.startup import box_info, open_spool
from edge.errors import EdgeError, EvidenceError
from edge.examination.advice import advice, advice_on
from edge.examination.behind import behind
from edge.examination.finding import Finding, Level
from edge.examination.measure import measure
from edge.examination.measured import Measured, Request, StationTimes, in_hex
from edge.judges.open import lesson_examples
from edge.machine.machine import read_machine
from edge.machine.users import lock_holders
from edge.records import LostFrame
from edge.runtime.onnx import available_providers
from edge.sinks import open_sinks
from edge.slots.open import open_newest_bundle, trusted_keys
from edge.spool.file import lock_file
from edge.texts.obstacles import TEXTS
from firmware_config.board import Board, read_board
from firmware_config.bundle_parts import require_parts
from firmware_config.calibration import read_calibration
from firmware_config.errors import ConfigError
from firmware_config.obstacles import obstacles
from firmware_config.settings import BoxSettings
from firmware_config.station import Station
from firmware_config.stations_of_a_box import require_named_files

EARLIEST_TIME = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""A clock that shows an earlier time was never set. A Jetson without a battery starts in 1970, and verdicts are stamped with its clock."""

LOW_DISK_BYTES = 500_000_000
MOMENT_S = 2.0
"""For the pictures that say what a box's models cost."""

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Examined:
    """All findings, in the order of the parts; `measured` is None where the models could not be run."""

    findings: tuple[Finding, ...]
    measured: Measured | None


def examine(settings: BoxSettings) -> Examined:
    """Try every part of a box. A part that fails is a finding, not an exception."""
    findings: list[Finding] = []

    def attempt(part: str, examine_part: Callable[[], tuple[_Part, str]]) -> _Part | None:
        try:
            opened, detail = examine_part()
        except (EdgeError, ConfigError) as err:
            findings.append(Finding(part, Level.FAIL, str(err)))
            return None
        findings.append(Finding(part, Level.OK, detail))
        return opened

    attempt("clock", lambda: (None, _clock()))
    findings += clock_findings(is_synchronised=is_clock_synchronised())
    machine = read_machine()
    findings.append(Finding("machine", Level.OK, machine.told))
    board = attempt("board", lambda: _board(settings))
    bundle = attempt("bundle", lambda: _bundle(settings))
    stations = attempt("stations", lambda: _stations(settings))
    attempt("spool", lambda: (None, _spool(settings)))
    attempt("disk", lambda: (None, _disk(settings)))
    findings.append(_evidence(settings))
    if board is None or bundle is None or stations is None:
        return Examined(tuple(findings), None)
    findings += advice(machine, board, stations, providers=available_providers())
    measured = attempt("models", lambda: _models(settings, bundle, board))
    if measured is not None:
        findings += [*cost(measured, board), *advice_on(measured, board)]
    for station in stations:
        findings += _obstacles(station, bundle)
    for station in stations:
        attempt(f"camera of {station.station.name}", lambda station=station: (None, try_camera(station)))  # type: ignore[misc]
    attempt("outputs", lambda: (None, _outputs(stations, bundle, board, settings)))
    return Examined(tuple(findings), measured)


def _clock() -> str:
    now = datetime.now(timezone.utc)
    if now < EARLIEST_TIME:
        msg = f"the clock shows {now:%Y-%m-%d %H:%M} UTC: set it, verdicts are stamped with it"
        raise EdgeError(msg)
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def clock_findings(*, is_synchronised: bool | None) -> list[Finding]:
    """A warning where the clock follows no other one; nothing where it does, or where that is not known."""
    if is_synchronised is not False:
        return []
    advice = "name a time server of the plant (systemd-timesyncd, chrony); until then verdicts say clock_synchronised: false"
    return [Finding("clock", Level.WARN, f"the clock is not synchronised, so times drift and may jump: {advice}")]


def _board(settings: BoxSettings) -> tuple[Board, str]:
    board = read_board(settings.board)
    about = f" ({board.about})" if board.about else ""
    return board, f"{settings.board}{about}: {', '.join(board.providers)}"


def _bundle(settings: BoxSettings) -> tuple[Bundle, str]:
    bundle = open_newest_bundle(settings)
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


def _evidence(settings: BoxSettings) -> Finding:
    """A folder that takes no pictures is a warning: it costs pictures, and no verdict."""
    folder = evidence_folder(settings)
    try:
        count, size = folder.look()
    except EvidenceError as err:
        return Finding("evidence", Level.WARN, str(err))
    used = f"{size / 1e6:.1f} of {settings.evidence_max_bytes / 1e6:.0f} MB"
    return Finding("evidence", Level.OK, f"{folder.root}: {count} pictures, {used}")


def _models(settings: BoxSettings, bundle: Bundle, board: Board) -> tuple[Measured, str]:
    """Run the golden pictures through the models of each station for a moment, in a process of its own."""
    users = lock_holders(lock_file(settings.spool))
    request = Request(
        bundle=bundle.root,
        trusted=in_hex(trusted_keys(settings)),
        stations=settings.stations,
        board=board,
        seconds=MOMENT_S,
        behind=bool(users),
    )
    measured = measure(request)
    places = ", ".join(f"{one.stage} on {one.devices}" for one in measured.placements)
    judge = "not loaded, every station has a linear judge" if measured.judge is None else measured.judge
    return measured, f"{places}; language model: {judge}; loaded in {measured.load_s:.1f} s{behind(users)}"


def cost(measured: Measured, board: Board) -> list[Finding]:
    """What the models cost: time for each station, memory and energy."""
    found = [Finding("time", Level.OK, _time(one)) for one in measured.stations]
    memory = "not readable here" if measured.resident_mb is None else f"{measured.resident_mb:,.0f} MB resident of {board.memory_mb:,} MB"
    joules = measured.joules_per_picture
    energy = f"not readable here: {measured.energy}" if joules is None else f"{joules:.2f} J a picture ({measured.energy}, idle included)"
    return [*found, Finding("memory", Level.OK, memory), Finding("energy", Level.OK, energy)]


def _time(times: StationTimes) -> str:
    stages = ", ".join(f"{stage} {spent:.1f}" for stage, spent in times.stages_ms.items())
    return f"{times.station}: p50 {times.p50_ms:.0f} ms, p95 {times.p95_ms:.0f} ms of {times.pictures} pictures ({stages})"


def _obstacles(station: Station, bundle: Bundle) -> list[Finding]:
    """A warning for each thing that keeps a station from saying OK, in its operator's language; nothing where `_models` fails."""
    path = station.judge.calibration
    try:
        require_parts(station, bundle.manifest)
        calibration = None if path is None else read_calibration(bundle.file_at(path))
        found = obstacles(station, bundle.manifest, calibration, is_taught=bool(lesson_examples(station)))
    except (EdgeError, ConfigError):
        return []
    texts = TEXTS[station.station.language]
    labels = ", ".join(label.name for label in station.labels if label.decision == "ok")
    calibrated = f"calibration {path}" if path is not None else f"the calibration of bundle {bundle.manifest.name}"
    adapter = "no adapter" if station.judge.adapter is None else f"adapter {station.judge.adapter}"
    judge = f"linear judge {station.judge.linear}" if station.judge.method == "linear" else adapter
    can = f"station {station.station.name} can say OK ({labels}) with {judge} and {calibrated}"
    return [Finding("verdicts", Level.WARN, one.told(station, texts)) for one in found] or [Finding("verdicts", Level.OK, can)]


def bundle_to_run(settings: BoxSettings) -> Bundle:
    """The bundle that the daemon of this box would run.

    Raises:
        BundleError, ConfigError: it would not run one.
    """
    return _bundle(settings)[0]


def try_camera(station: Station) -> str:
    """Take one picture and say what it is.

    Raises:
        EdgeError: there is none.
    """
    camera = open_camera(station.camera, station=station.station.name, picture=station.picture)
    if station.camera.kind == "folder" and station.camera.watch:
        require_named_files(station)
        return f"folder {station.camera.path} is watched"
    with closing(camera):
        capture = next(camera.frames(), None)
    if capture is None:
        msg = f"the {station.camera.kind} camera gives no picture: look at what it is pointed at"
        raise EdgeError(msg)
    if isinstance(capture, LostFrame):
        raise EdgeError(capture.detail)
    height, width = capture.pixels.shape[:2]
    unknown = "; a picture that is frozen from the start cannot be told from a live one" if station.camera.live else ""
    return f"{station.camera.kind} gives {width}x{height} from {capture.source}{unknown}"


def _outputs(stations: tuple[Station, ...], bundle: Bundle, board: Board, settings: BoxSettings) -> str:
    routes = open_sinks(stations, box=f"{settings.box}-doctor", info=box_info(bundle, board))
    for route in routes:
        with closing(route.sink) as sink:
            (route.reach or sink.connect)()
    return ", ".join(f"{route.name} takes {', '.join(route.stations)}" for route in routes) or "none: verdicts stay in the spool"
