"""A box from its settings: stations, bundle, models, spool and outputs put together, and run until SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from queue import SimpleQueue

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.daemon.endpoint import serve
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.parts import Parts, read_files
from edge.daemon.reloading import Asked, Reloading
from edge.daemon.remembering import Remembering
from edge.daemon.sd_notify import Notifier
from edge.errors import EdgeError, SpoolError
from edge.evidence.keeper import EvidenceKeeper
from edge.inspection.open import LoadedModels
from edge.sinks import open_sinks
from edge.spool.store import Spool
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.board import Board, read_board
from firmware_config.settings import BoxSettings
from firmware_config.version import installed_version

log = logging.getLogger(__name__)

EVIDENCE_STOP_S = 0.5
"""At the end the pictures that still wait get this long; the rest is dropped."""

RELOAD_STOP_S = 1.0
"""At the end a reload that is under way gets this long; it has changed nothing then."""


def run_box(settings: BoxSettings, *, stop: threading.Event | None = None, reload: SimpleQueue[Asked] | None = None) -> None:
    """Run the stations of a box until SIGTERM or SIGINT; SIGHUP takes over changed station files.

    With `stop` signals are left alone, and "reload" in `reload` does as SIGHUP.

    Raises:
        ConfigError, BundleError, CameraError, DeliveryError: a setting, a station file, the bundle, a camera or an output is wrong.
        SpoolError: the spool or the metrics port cannot be opened.
    """
    asked: SimpleQueue[Asked] = SimpleQueue() if reload is None else reload
    if stop is None:
        stop = threading.Event()
        _obey_signals(stop, asked)
    files = read_files(settings.stations)
    stations = [each.station for each in files]
    board = read_board(settings.board)
    accepted = AcceptedBundles.beside(settings.spool)
    bundle = open_trusted_bundle(settings.bundle, keys=settings.keys, require=accepted.require_not_older)
    with ExitStack() as stack:
        spool = stack.enter_context(closing(open_spool(settings)))
        metrics, notifier, info = Metrics(), Notifier(), box_info(bundle, board)
        routes = open_sinks(stations, box=settings.box, info=info)
        models = LoadedModels(bundle, board=board, on_lookup=metrics.judged)
        parts = Parts(settings, models=models, spool=spool, metrics=metrics, info=info)
        pipelines = parts.pipelines(stations)
        remembering = Remembering(accepted, bundle.manifest)

        def close_at_end(evidence: EvidenceKeeper) -> None:
            stack.callback(evidence.close, EVIDENCE_STOP_S)

        daemon = Daemon(
            pipelines,
            spool=spool,
            routes=routes,
            metrics=metrics,
            notifier=notifier,
            evidence=parts.keep_evidence(stations, begun=close_at_end),
            trouble=lambda: remembering.trouble() or reloading.trouble,
        )
        reloading = Reloading(
            daemon,
            parts,
            asked=asked,
            read=partial(read_files, settings.stations),
            files=files,
            pipelines=pipelines,
            metrics=metrics,
            notifier=notifier,
            begun=close_at_end,
        )
        if settings.metrics_port is not None:
            stack.callback(_serve(settings, settings.metrics_port, metrics=metrics, daemon=daemon))
        reloading.start()
        stack.callback(reloading.close, RELOAD_STOP_S)
        daemon.run(stop)


def _obey_signals(stop: threading.Event, asked: SimpleQueue[Asked]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    signal.signal(signal.SIGHUP, lambda _number, _frame: asked.put("reload"))


def _serve(settings: BoxSettings, port: int, *, metrics: Metrics, daemon: Daemon) -> Callable[[], None]:
    """Serve figures and health; returns what ends it.

    Raises:
        EdgeError: the address cannot be had.
    """
    try:
        port, stop_serving = serve(settings.metrics_host, port, registry=metrics.registry, health=daemon.health)
    except OSError as err:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        msg = f"metrics on {where} cannot be served ({err.strerror}): choose another KOTOBA_METRICS_PORT"
        raise EdgeError(msg) from err
    log.info("metrics host=%s port=%d", settings.metrics_host, port)
    return stop_serving


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
