"""SIGTERM under load, whatever is wrong around the box: it ends in time, with 0, and nothing that was committed is lost."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from edge.cameras.memory import MemoryCamera
from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.records import Capture, Trouble
from edge.sinks import SinkRoute
from edge.sinks.mqtt.sink import MqttSink
from edge.spool.store import Spool
from firmware_config.outputs import MqttOutput
from tests.support.memory_folder import folder_in_memory
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.repository import ROOT
from tests.support.running_daemon import HungModel, pipeline
from tests.support.sample_records import frames

END_S = 5.0
Around = tuple[dict[str, object] | None, str | None, list[str]]
"""The MQTT output, the address of a camera, and what the program is run by."""


@contextmanager
def deaf() -> Iterator[int]:
    """A peer that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def all_well(folder: Path) -> Iterator[Around]:
    broker = Mosquitto(folder / "broker")
    broker.start()
    yield {"host": "127.0.0.1", "port": broker.port, "require_subscriber": False}, None, []
    broker.kill()


@contextmanager
def dead_broker(_: Path) -> Iterator[Around]:
    yield {"host": "127.0.0.1", "port": free_port()}, None, []


@contextmanager
def deaf_broker(_: Path) -> Iterator[Around]:
    with deaf() as port:
        yield {"host": "127.0.0.1", "port": port}, None, []


@contextmanager
def silent_names(folder: Path) -> Iterator[Around]:
    watched = [sys.executable, "-m", "tests.faults.name_server", "--log", str(folder / "names"), "--silent"]
    yield {"host": "broker.plant"}, None, watched


@contextmanager
def hung_camera(_: Path) -> Iterator[Around]:
    with deaf() as port:
        yield None, f"rtsp://127.0.0.1:{port}/stream", []


class HungCamera:
    """Hangs, also when it is closed, until it is let go: a share that does not answer."""

    def __init__(self, let_go: threading.Event) -> None:
        self._let_go = let_go

    def frames(self) -> Iterator[Capture]:
        self._let_go.wait()
        yield from ()

    def troubles(self) -> tuple[Trouble, ...]:
        return ()

    def close(self) -> None:
        """Without effect."""


def named(situation: Callable[..., object]) -> str:
    return getattr(situation, "__name__", "").replace("_", " ")


A_FIFTH: dict[Callable[[Path], AbstractContextManager[Around]], int] = {
    all_well: 5,
    dead_broker: 5,
    hung_camera: 5,
    deaf_broker: 1,
    silent_names: 1,
}
"""A box whose broker is deaf, or cannot be found, needs four seconds."""


@pytest.mark.parametrize(
    ("situation", "boxes"),
    [
        *(pytest.param(each, boxes, marks=pytest.mark.long, id=f"{named(each)}, {boxes}") for each, boxes in A_FIFTH.items()),
        *(pytest.param(each, 40, marks=pytest.mark.soak, id=f"{named(each)}, 40") for each in A_FIFTH),
    ],
)
def test_a_box_ends_in_time_and_loses_nothing(
    tmp_path: Path, situation: Callable[[Path], AbstractContextManager[Around]], boxes: int, record_property: Callable[[str, object], None]
) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(folder_in_memory(tmp_path))
        mqtt, camera, within = stack.enter_context(situation(tmp_path))
        command = [sys.executable, "-m", "tests.support.stopped_boxes", str(folder), str(boxes), json.dumps(mqtt), json.dumps(camera)]
        done = subprocess.run([*within, *command], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    name = named(situation)
    record_property("D3", f"{name}, SIGTERM {boxes} times: exit {seen['codes']}, within {seen['slowest_s']:.1f} s, {seen['lost']} lost")
    assert seen["codes"] == [0]
    assert seen["lost"] == 0
    assert seen["verdicts"] > boxes
    assert seen["slowest_s"] <= END_S


@pytest.mark.long
def test_many_things_that_hang_take_no_longer_than_one(tmp_path: Path) -> None:
    let_go, judge = threading.Event(), HungModel()
    boxes = [pipeline(MemoryCamera(frames(["a.png"]), hold=True), ["a.png"], judge=judge)]
    boxes += [pipeline(HungCamera(let_go), [], name=f"share-{number}") for number in range(8)]
    with closing(Spool(tmp_path / "spool.sqlite", ballast_bytes=65_536)) as spool, ExitStack() as stack:
        ports = [stack.enter_context(deaf()) for _ in range(3)]
        routes = []
        for number, (box, port) in enumerate(zip(boxes, ports, strict=False)):
            settings = MqttOutput(host="127.0.0.1", port=port)
            sink = MqttSink(settings, root=f"plant/{number}", box="box1", stations=(box.name,), info={})
            routes.append(SinkRoute("mqtt", (box.name,), sink, waits=sink.waits))
        stop = threading.Event()
        daemon = Daemon(boxes, spool=spool, routes=routes, metrics=Metrics(), notifier=Notifier({}))
        runs = threading.Thread(target=daemon.run, args=(stop,))
        runs.start()
        assert judge.hangs.wait(60)
        stop.set()
        runs.join(END_S)
        ended = not runs.is_alive()
        let_go.set()
        judge.released.set()
        runs.join(60)
    assert ended
