"""A box from its settings: stations, bundle, models, spool and outputs put together, and run until SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from edge.backup.unfinished import require_no_unfinished_restore
from edge.bundle.open import Bundle
from edge.daemon.bundle_watch import BundleWatch, Trials
from edge.daemon.drifting import Drifting
from edge.daemon.endpoint import serve
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.parts import Parts, read_files
from edge.daemon.reloading import Asked, Reloading
from edge.daemon.sd_notify import Notifier
from edge.daemon.takeover import Takeover
from edge.drift.state_file import FILE_NAME as DRIFT_FILE
from edge.errors import EdgeError, SpoolError
from edge.evidence.keeper import EvidenceKeeper
from edge.inspection.open import LoadedModels
from edge.records import Capture, Inspection
from edge.sinks import open_sinks
from edge.slots.open import open_newest_bundle, runs_slots, slots_of
from edge.spool.holder import held_alone
from edge.spool.store import Spool
from edge.trial.limits import trial_limits
from edge.trial.trial import Trial
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.board import Board, read_board
from firmware_config.settings import BoxSettings
from firmware_config.version import installed_version

log = logging.getLogger(__name__)

EVIDENCE_STOP_S = 0.5
"""At the end the pictures that still wait get this long; the rest is dropped."""

DRIFT_STOP_S = 0.5
"""At the end counting words gets this long; what is not saved then is counted no more."""

TRIAL_STOP_S = 2.0
"""At the end a trial gets this long; it begins anew at the next start. Loading models cannot be broken off."""

RELOAD_STOP_S = 1.0
"""At the end a reload that is under way gets this long; it has changed nothing then."""


def run_box(settings: BoxSettings, *, stop: threading.Event | None = None, reload: SimpleQueue[Asked] | None = None) -> None:
    """Run the stations of a box until SIGTERM or SIGINT; SIGHUP takes over changed station files.

    With `stop` signals are left alone, and "reload" in `reload` does as SIGHUP.

    Raises:
        ConfigError, BundleError, CameraError, DeliveryError: a setting, a station file, the bundle, a camera or an output is wrong.
        BackupError: a restore of this box was interrupted.
        SpoolError: the spool cannot be opened, or another daemon has it.
        EdgeError: the metrics port cannot be opened.
    """
    with held_alone(_with_folder(settings.spool)):
        require_no_unfinished_restore(settings.spool)
        _run_alone(settings, stop, SimpleQueue() if reload is None else reload)


def _run_alone(settings: BoxSettings, stop: threading.Event | None, asked: SimpleQueue[Asked]) -> None:
    if stop is None:
        stop = threading.Event()
        _obey_signals(stop, asked)
    files = read_files(settings.stations)
    stations = [each.station for each in files]
    board = read_board(settings.board)
    slots_of(settings).tidy()
    bundle = open_newest_bundle(settings)
    with ExitStack() as stack:
        spool = stack.enter_context(closing(open_spool(settings)))
        metrics, notifier, info = Metrics(), Notifier(), box_info(bundle, board)
        routes = open_sinks(stations, box=settings.box, info=info)
        load = partial(LoadedModels, board=board, on_lookup=metrics.judged)
        parts = Parts(settings, models=load(bundle), spool=spool, metrics=metrics, info=info)
        pipelines = parts.pipelines(stations)

        def close_at_end(evidence: EvidenceKeeper) -> None:
            stack.callback(evidence.close, EVIDENCE_STOP_S)

        daemon = Daemon(
            pipelines,
            spool=spool,
            routes=routes,
            metrics=metrics,
            notifier=notifier,
            evidence=parts.keep_evidence(stations, begun=close_at_end),
            trouble=lambda: (watch or takeover).trouble() or reloading.trouble,
            offer=lambda inspection, capture: _show(inspection, capture, watch=watch, drifting=drifting),
        )
        drifting = _drifting(settings, daemon, metrics)
        takeover = _takeover(settings, bundle, daemon=daemon, parts=parts, load=load, board=board, metrics=metrics)
        watch = _watch(settings, takeover, board=board, metrics=metrics, stop=stop)
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
        drifting.start()
        stack.callback(drifting.close, DRIFT_STOP_S)
        reloading.start()
        stack.callback(lambda: reloading.close(daemon.health.left_s(RELOAD_STOP_S)))
        if watch is not None:
            watch.start()
            stack.callback(lambda: watch.close(daemon.health.left_s(TRIAL_STOP_S)))
        daemon.run(stop)


def _show(inspection: Inspection, capture: Capture, *, watch: BundleWatch | None, drifting: Drifting) -> None:
    """Show what is committed to those who look on."""
    drifting.offer(inspection)
    if watch is not None:
        watch.offer(inspection, capture)


def _drifting(settings: BoxSettings, daemon: Daemon, metrics: Metrics) -> Drifting:
    """What follows the words of the stations that run."""
    return Drifting(
        settings.spool.with_name(DRIFT_FILE),
        stations=lambda: [each.station for each in daemon.running.pipelines],
        routes=lambda: daemon.running.routes,
        metrics=metrics,
    )


def _takeover(
    settings: BoxSettings,
    bundle: Bundle,
    *,
    daemon: Daemon,
    parts: Parts,
    load: Callable[[Bundle], LoadedModels],
    board: Board,
    metrics: Metrics,
) -> Takeover:
    """What lets another bundle than this one judge.

    Raises:
        ManifestError: the list of accepted bundles is damaged.
    """
    return Takeover(
        bundle,
        pipelines=lambda: daemon.running.pipelines,
        routes=lambda: daemon.running.routes,
        load=load,
        parts=parts,
        metrics=metrics,
        accepted=AcceptedBundles.beside(settings.spool),
        info=partial(box_info, board=board),
    )


def _watch(settings: BoxSettings, takeover: Takeover, *, board: Board, metrics: Metrics, stop: threading.Event) -> BundleWatch | None:
    """What tries new bundles, for the stations that run then; None where the box runs a plain folder."""
    if not runs_slots(settings):
        return None

    def make(tried: Bundle, running: Bundle, measured_bytes: int, is_over: Callable[[], bool]) -> Trial:
        stations = [each.station for each in takeover.pipelines()]
        return Trial(
            tried,
            running,
            stations=stations,
            board=board,
            keys=settings.keys,
            limits=trial_limits(settings, board, slowest_deadline_ms=max(each.trigger.deadline_ms or 0 for each in stations)),
            folder=settings.bundles,
            measured_bytes=measured_bytes,
            is_over=is_over,
        )

    return BundleWatch(slots_of(settings), takeover, Trials(make, settings.keys), metrics=metrics, stop=stop)


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
