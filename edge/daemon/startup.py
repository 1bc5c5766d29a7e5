"""A box from its settings: stations, bundle, models, spool and outputs put together, and run until SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from edge.backup.unfinished import require_no_unfinished_restore
from edge.bundle.open import Bundle
from edge.cameras import open_camera
from edge.cameras.known_noise import KnownNoise
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.remembering import Remembering
from edge.daemon.sd_notify import Notifier
from edge.errors import EdgeError, SpoolError
from edge.evidence.folder import EvidenceFolder
from edge.evidence.keeper import EvidenceKeeper
from edge.inspection.open import open_inspectors
from edge.interfaces import Camera
from edge.sinks import open_sinks
from edge.slots.open import open_newest_bundle, slots_of
from edge.spool.holder import held_alone
from edge.spool.store import Spool
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.board import Board, read_board
from firmware_config.errors import StationError
from firmware_config.settings import BoxSettings
from firmware_config.station import Station, read_station
from firmware_config.stations_of_a_box import require_distinct_names, require_named_files
from firmware_config.version import installed_version

log = logging.getLogger(__name__)

EVIDENCE_STOP_S = 0.5
"""At the end the pictures that still wait get this long; the rest is dropped."""


def read_stations(folder: Path) -> tuple[Station, ...]:
    """Read every station of a box, refused whole when one is wrong.

    Raises:
        StationError: no station, two of the same name, or one that is wrong.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        msg = f"stations folder {folder} holds no station (NAME.toml): make one with `kotoba-config new`"
        raise StationError(msg)
    stations = tuple(map(read_station, files))
    require_distinct_names(stations, folder=folder)
    for station in stations:
        require_named_files(station, camera_may_be_out=True)
    return stations


def run_box(settings: BoxSettings, *, stop: threading.Event | None = None) -> None:
    """Run the stations of a box until SIGTERM or SIGINT (or `stop`, then signals are left alone).

    Raises:
        ConfigError, BundleError, CameraError, DeliveryError: a setting, a station file, the bundle, a camera or an output is wrong.
        BackupError: a restore of this box was interrupted.
        SpoolError: the spool cannot be opened, or another daemon has it.
        EdgeError: the metrics port cannot be opened.
    """
    with held_alone(_with_folder(settings.spool)):
        require_no_unfinished_restore(settings.spool)
        _run_alone(settings, stop)


def _run_alone(settings: BoxSettings, stop: threading.Event | None) -> None:
    stations = read_stations(settings.stations)
    board = read_board(settings.board)
    accepted = AcceptedBundles.beside(settings.spool)
    slots_of(settings).tidy()
    bundle = open_newest_bundle(settings)
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
    with ExitStack() as stack:
        spool = stack.enter_context(closing(open_spool(settings)))
        routes = open_sinks(stations, box=settings.box, info=box_info(bundle, board))
        metrics = Metrics()
        inspectors = open_inspectors(bundle, stations, board=board, on_lookup=metrics.judged)
        noise = KnownNoise.beside(settings.spool)
        remembering = Remembering(accepted, bundle.manifest)
        pipelines = [
            StationPipeline(station, _camera(station, spool, metrics, noise), inspector, live=station.camera.live)
            for station, inspector in zip(stations, inspectors, strict=True)
        ]
        if settings.metrics_port is not None:
            try:
                port, stop_serving = metrics.serve(settings.metrics_host, settings.metrics_port)
            except OSError as err:
                where = f"{settings.metrics_host}:{settings.metrics_port}"
                msg = f"metrics on {where} cannot be served ({err.strerror}): choose another KOTOBA_METRICS_PORT"
                raise EdgeError(msg) from err
            stack.callback(stop_serving)
            log.info("metrics host=%s port=%d", settings.metrics_host, port)
        evidence = _evidence(stations, settings)
        if evidence is not None:
            evidence.start()
            stack.callback(evidence.close, EVIDENCE_STOP_S)
        daemon = Daemon(
            pipelines, spool=spool, routes=routes, metrics=metrics, notifier=Notifier(), evidence=evidence, trouble=remembering.trouble
        )
        daemon.run(stop)


def _camera(station: Station, spool: Spool, metrics: Metrics, noise: KnownNoise) -> Camera:
    """The camera of a station; the spool knows what it has given before."""
    name = station.station.name
    left_alone = metrics.left_alone.labels(name)
    judged = spool.judged_files(name)
    return open_camera(station.camera, station=name, picture=station.picture, judged=judged, on_left_alone=left_alone.inc, known=noise)


def _evidence(stations: Sequence[Station], settings: BoxSettings) -> EvidenceKeeper | None:
    """What keeps the pictures of verdicts; None where no station keeps any."""
    if all(station.evidence.is_none for station in stations):
        return None
    return EvidenceKeeper(evidence_folder(settings), {station.station.name: station.evidence for station in stations})


def evidence_folder(settings: BoxSettings) -> EvidenceFolder:
    """The folder of a box's kept pictures, not opened yet."""
    return EvidenceFolder(settings.evidence_folder, max_bytes=settings.evidence_max_bytes, keep_s=settings.evidence_keep_days * 86_400)


def open_spool(settings: BoxSettings) -> Spool:
    """Open the spool of a box, with its folder.

    Raises:
        SpoolError: it cannot be opened.
    """
    return Spool(_with_folder(settings.spool), max_bytes=settings.spool_max_bytes, keep_s=settings.spool_keep_days * 86_400)


def _with_folder(spool: Path) -> Path:
    try:
        spool.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        msg = f"spool folder {spool.parent} cannot be made ({err.strerror}): correct KOTOBA_SPOOL or the rights"
        raise SpoolError(msg) from err
    return spool


def box_info(bundle: Bundle, board: Board) -> dict[str, object]:
    """What the retained info topic says."""
    manifest = bundle.manifest
    named = {"name": manifest.name, "version": manifest.bundle_version, "digest": bundle.digest}
    return {"version": installed_version(), "bundle": named, "board": board.name, "providers": list(board.providers)}
