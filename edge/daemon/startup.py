"""A box from its settings: stations, bundle, models, spool and outputs put together, and run until SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from edge.bundle.open import Bundle
from edge.cameras import open_camera
from edge.daemon.bundle_watch import BundleWatch, Trials
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.daemon.takeover import Takeover
from edge.errors import EdgeError, SpoolError
from edge.evidence.folder import EvidenceFolder
from edge.evidence.keeper import EvidenceKeeper
from edge.inspection.open import open_inspectors
from edge.interfaces import Camera
from edge.records import Capture, Inspection
from edge.sinks import open_sinks
from edge.slots.open import open_newest_bundle, runs_slots, slots_of
from edge.spool.store import Spool
from edge.trial.limits import trial_limits
from edge.trial.trial import Trial
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
        SpoolError: the spool or the metrics port cannot be opened.
    """
    stations = read_stations(settings.stations)
    board = read_board(settings.board)
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
        load = partial(open_inspectors, stations=stations, board=board, on_lookup=metrics.judged)
        pipelines = [
            StationPipeline(station, _camera(station, spool, metrics), inspector, live=station.camera.live)
            for station, inspector in zip(stations, load(bundle), strict=True)
        ]
        takeover = Takeover(
            bundle,
            pipelines,
            load=load,
            metrics=metrics,
            routes=routes,
            accepted=AcceptedBundles.beside(settings.spool),
            info=partial(box_info, board=board),
        )
        if settings.metrics_port is not None:
            _serve_metrics(metrics, settings, stack)
        evidence = _evidence(stations, settings)
        if evidence is not None:
            evidence.start()
            stack.callback(evidence.close, EVIDENCE_STOP_S)
        watch = _watch(settings, takeover, stations, board=board, metrics=metrics, stop=stop)
        if watch is not None:
            watch.start()
            stack.callback(watch.close)
        daemon = Daemon(
            pipelines,
            spool=spool,
            routes=routes,
            metrics=metrics,
            notifier=Notifier(),
            evidence=evidence,
            trouble=takeover.trouble if watch is None else watch.trouble,
            offer=_to_nobody if watch is None else watch.offer,
        )
        daemon.run(stop)


def _watch(
    settings: BoxSettings, takeover: Takeover, stations: Sequence[Station], *, board: Board, metrics: Metrics, stop: threading.Event
) -> BundleWatch | None:
    """What tries new bundles; None where the box runs a plain folder."""
    if not runs_slots(settings):
        return None
    return BundleWatch(slots_of(settings), takeover, _trials(settings, stations, board), metrics=metrics, stop=stop)


def _trials(settings: BoxSettings, stations: Sequence[Station], board: Board) -> Trials:
    """What makes trials of bundles for these stations."""
    slowest_ms = max(station.trigger.deadline_ms or 0 for station in stations)
    limits = trial_limits(settings, board, slowest_deadline_ms=slowest_ms)

    def make(tried: Bundle, running: Bundle, measured_bytes: int, is_over: Callable[[], bool]) -> Trial:
        return Trial(
            tried,
            running,
            stations=stations,
            board=board,
            keys=settings.keys,
            limits=limits,
            folder=settings.bundles,
            measured_bytes=measured_bytes,
            is_over=is_over,
        )

    return Trials(make, settings.keys)


def _to_nobody(_inspection: Inspection, _capture: Capture) -> None:
    """Nobody watches bundles."""


def _serve_metrics(metrics: Metrics, settings: BoxSettings, stack: ExitStack) -> None:
    try:
        port, stop_serving = metrics.serve(settings.metrics_host, settings.metrics_port or 0)
    except OSError as err:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        msg = f"metrics on {where} cannot be served ({err.strerror}): choose another KOTOBA_METRICS_PORT"
        raise EdgeError(msg) from err
    stack.callback(stop_serving)
    log.info("metrics host=%s port=%d", settings.metrics_host, port)


def _camera(station: Station, spool: Spool, metrics: Metrics) -> Camera:
    """The camera of a station; the spool knows what it has given before."""
    name = station.station.name
    left_alone = metrics.left_alone.labels(name)
    return open_camera(station.camera, station=name, picture=station.picture, judged=spool.judged_files(name), on_left_alone=left_alone.inc)


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
    try:
        settings.spool.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        msg = f"spool folder {settings.spool.parent} cannot be made ({err.strerror}): correct KOTOBA_SPOOL or the rights"
        raise SpoolError(msg) from err
    return Spool(settings.spool, max_bytes=settings.spool_max_bytes, keep_s=settings.spool_keep_days * 86_400)


def box_info(bundle: Bundle, board: Board) -> dict[str, object]:
    """What the retained info topic says."""
    manifest = bundle.manifest
    named = {"name": manifest.name, "version": manifest.bundle_version, "digest": bundle.digest}
    return {"version": installed_version(), "bundle": named, "board": board.name, "providers": list(board.providers)}
