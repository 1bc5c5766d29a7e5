"""What /healthz and /readyz say, from a daemon that is well and from one that is not."""

from __future__ import annotations

import json
import queue
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from edge.cameras.memory import MemoryCamera
from edge.daemon.endpoint import MAX_CALLERS, serve
from edge.daemon.health import LEAST_S, Health
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.records import Trouble
from edge.sinks import BoxStatus, Commands, SinkRoute
from edge.sinks.memory import MemorySink
from edge.spool.store import Spool
from tests.support.running_daemon import PATIENCE_S, HungModel, pipeline, running
from tests.support.sample_records import frames


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with closing(Spool(tmp_path / "spool.sqlite", ballast_bytes=65_536)) as opened:
        yield opened


@contextmanager
def served(health: Health, host: str = "127.0.0.1") -> Iterator[str]:
    port, stop = serve(host, 0, registry=Metrics().registry, health=health)
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        stop()


def asked(address: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:  # noqa: S310 -- ours
            return answer.status, json.loads(answer.read())
    except HTTPError as err:
        with err:
            return err.code, json.loads(err.read())


class Shown:
    """The other side of a route, which hears each status."""

    def __init__(self, *names: str) -> None:
        self.statuses: queue.SimpleQueue[BoxStatus] = queue.SimpleQueue()
        self.commands: queue.SimpleQueue[Commands] = queue.SimpleQueue()
        self.route = SinkRoute("memory", names, MemorySink(), set_status=self.statuses.put, obey=self.commands.put)

    def next(self) -> BoxStatus:
        return self.statuses.get(timeout=PATIENCE_S)


class TroubledCamera(MemoryCamera):
    """A camera that is held, with troubles that may be set."""

    def __init__(self) -> None:
        super().__init__([], hold=True)
        self.now: tuple[Trouble, ...] = ()

    def troubles(self) -> tuple[Trouble, ...]:
        return self.now


def trouble(code: str) -> Trouble:
    return Trouble(code, datetime.now(timezone.utc), f"it is {code}: look at it")


def test_before_the_main_loop_has_moved_the_box_is_not_well() -> None:
    with served(Health(limit_s=1)) as address:
        assert asked(f"{address}/healthz") == (503, {"ok": False, "troubles": ["the box is starting: ask again"]})


def test_callers_without_end_do_not_take_the_descriptors_of_the_box() -> None:
    with served(Health(limit_s=1)) as address, ExitStack() as stack:
        where = ("127.0.0.1", int(address.rpartition(":")[2]))
        silent = [stack.enter_context(socket.create_connection(where, timeout=5)) for _ in range(MAX_CALLERS)]
        one_more = stack.enter_context(socket.create_connection(where, timeout=5))
        assert one_more.recv(1) == b"", "it is sent away before those that are silent are"
        for each in silent:
            each.close()
        answer = None
        while answer is None:
            with suppress(OSError, HTTPException):
                answer = asked(f"{address}/healthz")
        assert answer[0] == 503


def test_a_main_loop_that_stands_still_is_not_well() -> None:
    now = [0.0]
    health = Health(limit_s=30, monotonic=lambda: now[0])
    health.moved((), ())
    now[0] = 29.0
    assert health.troubles_of_life() == ()
    now[0] = 31.0
    (why,) = health.troubles_of_life()
    assert why.startswith("the main loop has not moved for 31 s")


def test_a_box_that_is_well_is_alive_and_ready_and_says_so_over_ipv6_too(spool: Spool) -> None:
    shown = Shown("cell-01")
    daemon = Daemon(
        [pipeline(MemoryCamera([], hold=True), [])], spool=spool, routes=[shown.route], metrics=Metrics(), notifier=Notifier({})
    )
    hosts = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]
    with running(daemon):
        commands = shown.commands.get(timeout=PATIENCE_S)
        commands.switch("cell-01", False)  # noqa: FBT003 -- as others call it
        shown.next()
        commands.switch("cell-01", True)  # noqa: FBT003
        assert shown.next().state == "online"
        for host in hosts:
            with served(daemon.health, host) as address:
                assert asked(f"{address}/healthz") == asked(f"{address}/readyz") == (200, {"ok": True, "troubles": []})


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_a_camera_that_is_out_or_a_station_that_is_off_is_alive_and_not_ready(spool: Spool) -> None:
    camera, shown = TroubledCamera(), Shown("cell-01")
    daemon = Daemon([pipeline(camera, [])], spool=spool, routes=[shown.route], metrics=Metrics(), notifier=Notifier({}))
    with running(daemon), served(daemon.health) as address:
        camera.now = (trouble("camera_stalled"),)
        assert shown.next().state == "degraded"
        assert asked(f"{address}/healthz")[0] == 200
        out = asked(f"{address}/readyz")
        camera.now = (trouble("file_not_moved"),)
        shown.next()
        moved = asked(f"{address}/readyz")
        shown.commands.get(timeout=PATIENCE_S).switch("cell-01", False)  # noqa: FBT003
        shown.next()
        off = asked(f"{address}/readyz")
    assert out == (503, {"ok": False, "troubles": ["station cell-01: it is camera_stalled: look at it"]})
    assert moved[0] == 200, "it judges all the same"
    assert off == (503, {"ok": False, "troubles": ["station cell-01 is switched off: nothing is inspected there"]})


def test_a_stage_that_hangs_is_neither_alive_nor_ready(spool: Spool) -> None:
    judge, shown = HungModel(), Shown("cell-01")
    notifier = Notifier({"WATCHDOG_USEC": "2500000"})
    cell = pipeline(MemoryCamera(frames(["a.png"]), hold=True), ["a.png"], judge=judge)
    daemon = Daemon([cell], spool=spool, routes=[replace(shown.route)], metrics=Metrics(), notifier=notifier)
    with running(daemon), served(daemon.health) as address:
        assert shown.next().why == "inspect is hung"
        seen = asked(f"{address}/healthz"), asked(f"{address}/readyz")
        judge.released.set()
    assert seen == ((503, {"ok": False, "troubles": ["inspect is hung"]}),) * 2


def test_at_the_end_each_part_gets_what_is_left_of_the_time_to_end() -> None:
    now = [100.0]
    health = Health(limit_s=30, monotonic=lambda: now[0])
    assert health.left_s(2.0) == 2.0
    assert health.end() == 100.0
    assert health.left_s(2.0) == 2.0
    now[0] += 3.5
    assert health.left_s(2.0) == 1.0
    now[0] += 2.0
    assert health.left_s(2.0) == LEAST_S
