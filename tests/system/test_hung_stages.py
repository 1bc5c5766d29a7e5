"""A stage that hangs stops the pings, so that systemd starts the box again; a watchdog on a thread of its own would not notice."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.cameras.memory import MemoryCamera
from edge.daemon.sd_notify import Notifier
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.judges.scripted import ScriptedJudge
from edge.records import Description, Frame, Inspection
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from tests.support.running_daemon import PATIENCE_S, HungModel, daemon_of, pipeline, running
from tests.support.sample_records import BUNDLE, MODELS, description, frames, scores, station

INTERVAL_S = 2.0
SILENCE_S = 1.5
"""Six looks of the main loop."""


class Hanging:
    """Hangs whoever calls, until it is let go."""

    def __init__(self) -> None:
        self.hangs, self.released = threading.Event(), threading.Event()

    def __call__(self, _: Inspection) -> None:
        self.hangs.set()
        self.released.wait(PATIENCE_S)

    def describe(self, _: Frame) -> Description:
        self.hangs.set()
        self.released.wait(PATIENCE_S)
        return description()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        yield listening


@contextmanager
def hung_box(tmp_path: Path, notifier: Notifier, stage: str) -> Iterator[None]:
    """A box of which one stage hangs."""
    spool, hanging, judge, sources = Spool(tmp_path / "spool.sqlite", ballast_bytes=65_536), Hanging(), HungModel(), ["a.png", "b.png"]
    sink = MemorySink(trouble=hanging) if stage == "output" else MemorySink()
    box = pipeline(MemoryCamera(frames(sources), hold=True), sources, judge=judge if stage == "judge" else None)
    if stage == "describer":
        judge_of_none, limits = ScriptedJudge(lambda _: scores()), Limits()
        box.inspector = Inspector(
            station(), describer=hanging, judge=judge_of_none, limits=limits, bundle_digest=BUNDLE, models_digest=MODELS
        )
    try:
        with running(daemon_of([box], spool, sink, notifier=notifier)):
            try:
                assert (judge if stage == "judge" else hanging).hangs.wait(PATIENCE_S)
                yield
            finally:
                hanging.released.set()
                judge.released.set()
    finally:
        spool.close()


def last_ping_s(manager: socket.socket) -> float:
    """Seconds until the last ping, after which nothing comes for `SILENCE_S` or two intervals are over."""
    began, last = time.monotonic(), 0.0
    manager.settimeout(SILENCE_S)
    while time.monotonic() - began < 3 * INTERVAL_S:
        try:
            said = manager.recv(1_000)
        except TimeoutError:
            break
        if said == b"WATCHDOG=1":
            last = time.monotonic() - began
    return last


def notifier(manager: socket.socket) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": str(int(INTERVAL_S * 1e6))})


@pytest.mark.long
@pytest.mark.parametrize("stage", ["describer", "output"])
def test_the_pings_stop_within_an_interval_after_a_stage_hangs(
    tmp_path: Path, manager: socket.socket, stage: str, record_property: Callable[[str, object], None]
) -> None:
    with hung_box(tmp_path, notifier(manager), stage):
        stopped_s = last_ping_s(manager)
    record_property("D2", f"a hung {stage}: the last ping {stopped_s:.1f} s later, at an interval of {INTERVAL_S:g} s")
    assert 0 < stopped_s <= INTERVAL_S + 1.0  # the last progress, and the ticks of the main loop


@pytest.mark.long
def test_a_watchdog_on_a_thread_of_its_own_passes_a_hung_stage(
    tmp_path: Path, manager: socket.socket, record_property: Callable[[str, object], None]
) -> None:
    ended, free = threading.Event(), notifier(manager)

    def ping() -> None:
        while not ended.wait(INTERVAL_S / 4):
            free.ping()

    with hung_box(tmp_path, Notifier({"WATCHDOG_USEC": "2000000"}), "judge"):
        thread = threading.Thread(target=ping)
        thread.start()
        pinged_s = last_ping_s(manager)
        ended.set()
        thread.join()
    record_property("D2 control", f"a watchdog on a free thread still pings {pinged_s:.1f} s after a judge has hung")
    assert pinged_s > 2 * INTERVAL_S
