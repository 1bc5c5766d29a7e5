"""The whole chain: spool, dispatcher and MQTT output of a box, a broker that loses what it has acknowledged, `kotoba-edge consume`."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge.daemon.dispatcher import Dispatcher
from edge.sinks.mqtt.routes import mqtt_routes
from edge.spool.store import Spool
from firmware_config.station import parse_station
from tests.support.inspections import inspection
from tests.support.mosquitto import Mosquitto
from tests.support.repository import ROOT
from tests.support.running_consumer import Rows
from tests.support.station_files import station_toml

DEADLINE_S = 120.0
MQTT = '[outputs.mqtt]\nhost = "127.0.0.1"\nport = {port}\nkeepalive_s = 2\n'


class Box:
    """One without a camera: commits what it is told to, and delivers it."""

    def __init__(self, spool: Spool, dispatcher: Dispatcher) -> None:
        self._spool, self._dispatcher = spool, dispatcher
        self.count = 0

    def commit(self, count: int) -> None:
        for _ in range(count):
            self.count += 1
            self._spool.commit(inspection(self.count, station="cell-01"))
        self._dispatcher.wake()

    def drain(self) -> None:
        """Wait until the broker has acknowledged all of it."""
        assert self._dispatcher.drain(DEADLINE_S)


@contextmanager
def box(folder: Path, broker: Mosquitto) -> Iterator[Box]:
    station = parse_station(station_toml(MQTT.format(port=broker.port)).encode(), source="cell-01.toml")
    (route,) = mqtt_routes([station], box="box-1", info={})
    with closing(Spool(folder / "spool.sqlite", ballast_bytes=4096, new_epoch=lambda: "e1")) as spool:
        spool.register_sinks({"mqtt": ["cell-01"]})
        dispatcher = Dispatcher(spool=spool, route=route)
        dispatcher.start()
        try:
            yield Box(spool, dispatcher)
        finally:
            assert dispatcher.stop(DEADLINE_S)


@contextmanager
def consumer(broker: Mosquitto, folder: Path) -> Iterator[Rows]:
    """The command, ended by SIGTERM."""
    command = [sys.executable, "-m", "edge.cli", "consume", "--broker", f"127.0.0.1:{broker.port}", "--root", "plant/line1"]
    with (folder / "log").open("ab") as log:
        options = ["--sqlite", str(folder / "verdicts.sqlite"), "--from-start", "--gap-patience-s", "0.5"]
        process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=log, stderr=log)
    try:
        yield Rows(folder / "verdicts.sqlite")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.long
@pytest.mark.parametrize("count", [1_000, pytest.param(5_000, marks=pytest.mark.slow)])
def test_what_a_broker_acknowledged_and_lost_is_in_the_database(tmp_path: Path, count: int) -> None:
    broker = Mosquitto(tmp_path / "broker", eager=False, settings=["max_queued_messages 100"])
    broker.start()
    try:
        with box(tmp_path, broker) as made:
            with consumer(broker, tmp_path) as rows:
                made.commit(10)
                rows.wait_for(*range(1, 11))

            made.commit(count)  # nobody is there: the broker queues a hundred and drops the others
            made.drain()
            with consumer(broker, tmp_path) as rows:
                rows.wait_for(*range(1, made.count + 1))

            made.commit(count // 10)
            made.drain()
            broker.kill()  # all that it had queued, the session and the retained topics are gone
            broker.start()
            with consumer(broker, tmp_path) as rows:
                rows.wait_for(*range(1, made.count + 1))
    finally:
        broker.kill()

    assert rows.positions() == [("cell-01", 1, made.count)]
    assert sum(last - first + 1 for first, last, _ in rows.gaps()) > count // 2  # else the broker was not so forgetful
    assert {state for _, _, state in rows.gaps()} == {"filled"}, (tmp_path / "log").read_text()
    assert rows.select("SELECT * FROM rejected") == []
