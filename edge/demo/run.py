"""`kotoba-edge demo`: the whole chain on real cells with an embedded broker; what is printed is what an independent subscriber received."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.cameras import open_camera
from edge.daemon.loop import Daemon, StationPipeline
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.daemon.startup import box_info, open_spool
from edge.demo.broker import EmbeddedBroker, Subscriber
from edge.demo.cells import sample_cells
from edge.demo.report import Report, line_of, texts_of
from edge.drawing.contact_sheet import Pasted, write_contact_sheet
from edge.errors import EdgeError
from edge.inspection.open import open_inspectors
from edge.sinks import open_sinks
from firmware_config.board import read_board
from firmware_config.cameras import FolderCamera
from firmware_config.outputs import MqttOutput, Outputs
from firmware_config.settings import BoxSettings
from firmware_config.station import Station, read_station

SHEET_CELLS = 12
SILENCE_S = 60.0
"""The demo gives up when no verdict arrives for this long."""

FOREVER_PAUSE_MS = 1_000


def run_demo(*, pictures: int, forever: bool, language: str | None, bundle: Path, keys: Path, out: Path) -> int:
    """Run the demo; returns the exit code.

    Raises:
        BundleError, ConfigError: there is no bundle to run, or no trusted key for it.
        EdgeError: sample cells or broker are missing, or no verdict arrives.
    """
    texts = texts_of(language or ("ja" if os.environ.get("LANG", "").startswith("ja") else "en"))
    cells = sample_cells(pictures)
    opened = open_trusted_bundle(bundle, keys=keys)
    logging.getLogger().setLevel(logging.ERROR)
    shutil.rmtree(out / "run", ignore_errors=True)
    folder = out / "run" / "cells"
    folder.mkdir(parents=True)
    for number, cell in enumerate(cells, 1):
        (folder / f"{number:03}-{cell.path.name}").symlink_to(cell.path)
    by_source = {f"{number:03}-{cell.path.name}": cell for number, cell in enumerate(cells, 1)}
    report = Report(texts)
    pasted: list[Pasted] = []
    stop = threading.Event()
    with _signals(stop), EmbeddedBroker() as broker:
        station = _station(opened, folder, broker.port, forever=forever)
        topic = f"{station.station.path}/{station.station.name}/verdict"
        with Subscriber(broker.port, topic) as subscriber:
            print(texts.begin.format(count=len(cells), bundle=opened.manifest.name, port=broker.port, topic=topic), flush=True)
            with _daemon(station, opened, out, stop, until_done=not forever):
                for inspection in _received(subscriber, stop, wanted=None if forever else len(cells)):
                    cell = by_source[inspection.source]
                    report.add(inspection, cell)
                    print(line_of(inspection, cell, number=report.count, texts=texts, colour=sys.stdout.isatty()), flush=True)
                    if len(pasted) < SHEET_CELLS:
                        pasted.append(Pasted(cell.path, inspection, cell.said))
    print(report.summary())
    if pasted:
        sheet = out / "contact-sheet.png"
        write_contact_sheet(sheet, pasted)
        print(texts.sheet.format(path=sheet))
    return 0 if forever or report.count == len(cells) else 1


def _station(bundle: Bundle, folder: Path, port: int, *, forever: bool) -> Station:
    """The station of the bundle's golden pictures, with the sample cells as its camera and the embedded broker as its output."""
    sample = read_station(bundle.path("golden/station.toml"))
    # The embedded broker speaks 3.1.1.
    output = MqttOutput(host="127.0.0.1", port=port, protocol="3.1.1")
    trigger = sample.trigger.model_copy(update={"kind": "interval", "interval_ms": FOREVER_PAUSE_MS} if forever else {})
    camera = FolderCamera(kind="folder", path=folder, pattern="*.png", repeat=forever)
    return sample.model_copy(update={"camera": camera, "outputs": Outputs(mqtt=output), "trigger": trigger})


@contextmanager
def _daemon(station: Station, bundle: Bundle, out: Path, stop: threading.Event, *, until_done: bool) -> Iterator[None]:
    """The daemon in a thread of its own, as `kotoba-edge run` makes it."""
    board = read_board("cpu")
    with ExitStack() as stack:
        spool = stack.enter_context(closing(open_spool(BoxSettings(spool=out / "run" / "spool.sqlite"))))
        routes = open_sinks([station], box="demo", info=box_info(bundle, board))
        (inspector,) = open_inspectors(bundle, [station], board=board)
        pipeline = StationPipeline(station, open_camera(station.camera, station=station.station.name), inspector, live=False)
        daemon = Daemon([pipeline], spool=spool, routes=routes, metrics=Metrics(), notifier=Notifier({}))
        thread = threading.Thread(target=daemon.run, args=(stop,), kwargs={"until_done": until_done}, name="demo-daemon")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _received(subscriber: Subscriber, stop: threading.Event, *, wanted: int | None) -> Iterator:  # type: ignore[type-arg]
    """Verdicts as they arrive, each once (MQTT delivers at least once)."""
    seen: set[str] = set()
    heard_at = time.monotonic()
    while not stop.is_set() and (wanted is None or len(seen) < wanted):
        inspection = subscriber.next(timeout_s=0.2)
        if inspection is None:
            if time.monotonic() - heard_at > SILENCE_S:
                msg = (
                    f"no verdict arrived for {SILENCE_S:.0f} s, {len(seen)} before: run `kotoba-edge doctor` or look at the messages above"
                )
                raise EdgeError(msg)
            continue
        heard_at = time.monotonic()
        if inspection.id not in seen:
            seen.add(inspection.id)
            yield inspection


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the demo with its summary."""
    before = {number: signal.signal(number, lambda _number, _frame: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
