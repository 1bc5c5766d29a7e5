"""Runs the demo: the whole chain on sample pictures with an embedded broker. What is printed is what an independent subscriber received."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.cameras import open_camera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.pipeline import StationPipeline
from edge.daemon.sd_notify import Notifier
from edge.daemon.startup import box_info, open_spool
from edge.demo.broker import EmbeddedBroker, Subscriber
from edge.demo.report import Report, lines_of
from edge.demo.samples import SAMPLES, Sample
from edge.drawing.contact_sheet import Entry, write_contact_sheet
from edge.errors import EdgeError
from edge.inspection.open import open_inspectors
from edge.records import Inspection
from edge.sinks import open_sinks
from edge.texts.demo import TEXTS
from firmware_config.board import read_board
from firmware_config.cameras import FolderCamera
from firmware_config.outputs import MqttOutput, Outputs
from firmware_config.settings import BoxSettings
from firmware_config.signed_bundle import SignedBundle
from firmware_config.station import Station
from firmware_config.station_template import read_template_station

SHEET_PICTURES = 12
"""The contact sheet shows the first pictures."""
SILENCE_S = 60.0
"""The demo gives up when no verdict arrives for this long."""

FOREVER_INTERVAL_MS = 1_000
"""From one picture to the next, where the demo runs forever."""


def run_demo(*, product: str, pictures: int, forever: bool, language: str | None, bundle: Path, keys: Path, out: Path) -> int:
    """Run the demo on so many `pictures` of a product of SAMPLES; returns the exit code. Without `language` (`ja` or `en`), LANG decides.

    Raises:
        BundleError, ConfigError: there is no bundle to run, or no trusted key for it.
        EdgeError: the sample pictures or the broker are missing, or no verdict arrives.
    """
    texts = TEXTS[language or ("ja" if os.environ.get("LANG", "").startswith("ja") else "en")]
    opened = open_trusted_bundle(bundle, keys=keys)
    logging.getLogger().setLevel(logging.ERROR)
    folder = out / "run" / "pictures"
    samples = _copy(SAMPLES[product](pictures), folder)
    report = Report(texts)
    entries: list[Entry] = []
    stop = threading.Event()
    with _stopped_by_signals(stop), EmbeddedBroker() as broker:
        station = demo_station(opened, folder, broker.port, forever=forever)
        topic = f"{station.station.path}/{station.station.name}/verdict"
        with Subscriber(broker.port, topic) as subscriber:
            shown = {"count": len(samples), "pictures": texts.pictures[product], "bundle": opened.manifest.name}
            print(texts.begin.format(**shown, port=broker.port, topic=topic), texts.licence[product], sep="\n", flush=True)
            with _daemon(station, opened, out, stop, until_done=not forever):
                for inspection in _received(subscriber, stop, wanted=None if forever else len(samples)):
                    sample = samples[inspection.source]
                    report.add(inspection, sample)
                    print(lines_of(inspection, sample, number=report.count, texts=texts, colour=sys.stdout.isatty()), flush=True)
                    if len(entries) < SHEET_PICTURES:
                        entries.append(Entry(sample.path, inspection, sample.label))
    print(report.summary())
    if entries:
        sheet = out / "contact-sheet.png"
        write_contact_sheet(sheet, entries)
        print(texts.sheet.format(path=sheet))
    return 0 if forever or report.count == len(samples) else 1


def _copy(samples: Sequence[Sample], folder: Path) -> dict[str, Sample]:
    """Fill a new folder with copies of the pictures, numbered in their order; returns the name of each copy and its sample."""
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    by_name = {f"{number:03}-{sample.path.name}": sample for number, sample in enumerate(samples, 1)}
    for name, sample in by_name.items():
        shutil.copyfile(sample.path, folder / name)
    return by_name


def demo_station(bundle: Bundle, folder: Path, port: int, *, forever: bool) -> Station:
    """A station of the bundle's template, with the pictures in `folder` as its camera and the embedded broker as its output.

    Raises:
        ConfigError: the bundle has no template, or it does not fit the bundle.
    """
    template, _ = read_template_station(SignedBundle(bundle.root, bundle.manifest))
    # The embedded broker speaks 3.1.1.
    output = MqttOutput(host="127.0.0.1", port=port, protocol="3.1.1")
    trigger = template.trigger.model_copy(update={"kind": "interval", "interval_ms": FOREVER_INTERVAL_MS} if forever else {})
    camera = FolderCamera(kind="folder", path=folder, pattern=("*.png", "*.jpg"), watch=False, repeat=forever)
    return template.model_copy(update={"camera": camera, "outputs": Outputs(mqtt=output), "trigger": trigger})


@contextmanager
def _daemon(station: Station, bundle: Bundle, out: Path, stop: threading.Event, *, until_done: bool) -> Iterator[None]:
    """Run the daemon in a thread, made as `kotoba-edge run` makes it."""
    board = read_board("cpu")
    with ExitStack() as stack:
        spool = stack.enter_context(closing(open_spool(BoxSettings(spool=out / "run" / "spool.sqlite"))))
        routes = open_sinks([station], box="demo", info=box_info(bundle, board))
        (inspector,) = open_inspectors(bundle, [station], board=board)
        camera = open_camera(station.camera, station=station.station.name, picture=station.picture)
        pipeline = StationPipeline(station, camera, inspector, live=False)
        daemon = Daemon([pipeline], spool=spool, routes=routes, metrics=Metrics(), notifier=Notifier({}))
        thread = threading.Thread(target=daemon.run, args=(stop,), kwargs={"until_done": until_done}, name="demo-daemon")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _received(subscriber: Subscriber, stop: threading.Event, *, wanted: int | None) -> Iterator[Inspection]:
    """Yield verdicts as they arrive, each once (MQTT delivers at least once).

    Raises:
        EdgeError: no verdict arrives for `SILENCE_S`.
    """
    seen: set[str] = set()
    arrived_at = time.monotonic()
    while not stop.is_set() and (wanted is None or len(seen) < wanted):
        inspection = subscriber.next(timeout_s=0.2)
        if inspection is None:
            if time.monotonic() - arrived_at > SILENCE_S:
                advice = "run `kotoba-edge doctor` or look at the messages above"
                msg = f"receiving verdicts: none arrived for {SILENCE_S:.0f} s, {len(seen)} before: {advice}"
                raise EdgeError(msg)
            continue
        arrived_at = time.monotonic()
        if inspection.id not in seen:
            seen.add(inspection.id)
            yield inspection


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Within, Ctrl-C and SIGTERM set `stop`, so that the demo ends with its summary."""
    before = {number: signal.signal(number, lambda _number, _frame: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
