"""A link on which nothing passes any more, and nobody says so: the box notices, and is back soon after it is healed."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.daemon.dispatcher import Dispatcher
from edge.sinks import SinkRoute
from edge.sinks.mqtt.sink import MqttSink
from edge.spool.store import Spool
from firmware_config.outputs import MqttOutput
from tests.faults.tcp_proxy import TcpProxy
from tests.support.inspections import inspection
from tests.support.mosquitto import Mosquitto

DEADLINE_S = 120.0
AGAIN_S, BACK_S = 5.0, 15.0
"""A link is silent for two keepalives before it is given up, and then the box tries to connect again: 25 s at a keepalive of 10 s."""


@dataclass(frozen=True)
class Seen:
    noticed_s: float
    back_s: float
    delivered: int


def lost_and_found(folder: Path, broker: Mosquitto, number: int, keepalive_s: int) -> Seen:
    """Cut the idle link of a box by a black hole, heal it once the box has noticed, and wait for a new verdict to get through."""
    noticed = threading.Event()

    def pause(stopping: threading.Event, seconds: float) -> bool:
        noticed.set()
        return stopping.wait(seconds)

    with TcpProxy(("127.0.0.1", broker.port)) as link, closing(Spool(folder / f"{number}.sqlite", ballast_bytes=4096)) as spool:
        spool.register_sinks({"mqtt": ("s1",)})
        output = MqttOutput(host="127.0.0.1", port=link.port, keepalive_s=keepalive_s, require_subscriber=False)
        sink = MqttSink(output, root="plant", box=f"box{number}", stations=("s1",), info={})
        dispatcher = Dispatcher(spool=spool, route=SinkRoute("mqtt", ("s1",), sink), wait=pause)
        spool.commit(inspection(1))
        dispatcher.start()
        try:
            assert dispatcher.drain(DEADLINE_S)
            link.hold()
            held_at = time.monotonic()
            assert noticed.wait(DEADLINE_S)
            noticed_at = time.monotonic()
            spool.commit(inspection(2))
            link.heal()
            assert dispatcher.drain(DEADLINE_S)
            back_at = time.monotonic()
        finally:
            link.heal()
            assert dispatcher.stop(DEADLINE_S)
        return Seen(noticed_at - held_at, back_at - noticed_at, dispatcher.status().delivered)


@pytest.mark.parametrize(
    ("links", "keepalive_s"),
    [pytest.param(4, 2, marks=pytest.mark.long, id="4 links"), pytest.param(20, 10, marks=pytest.mark.soak, id="20 links")],
)
def test_a_black_hole_is_noticed_and_left_behind(
    tmp_path: Path, links: int, keepalive_s: int, record_property: Callable[[str, object], None]
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    try:
        with ThreadPoolExecutor(links) as pool:
            seen = list(pool.map(lambda number: lost_and_found(tmp_path, broker, number, keepalive_s), range(links)))
    finally:
        broker.kill()
    with warnings.catch_warnings():  # paho leaves the socket pair of a client that was given up to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()

    noticed_s, back_s = max(one.noticed_s for one in seen), max(one.back_s for one in seen)
    record_property("R7", f"{links} links at a keepalive of {keepalive_s} s: noticed within {noticed_s:.1f} s, back after {back_s:.1f} s")
    assert [one.delivered for one in seen] == [2] * links
    assert noticed_s <= 2 * keepalive_s + AGAIN_S
    assert back_s <= BACK_S
