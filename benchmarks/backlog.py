"""`python -m benchmarks.backlog`: a backlog goes out to a mosquitto while new verdicts are committed: rate, memory, and their latency.

The subscriber is a process of its own. Latency is from the end of a commit to the subscriber, live beside idle in one run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from edge.daemon.dispatcher import Dispatcher
from edge.daemon.metrics import resident_bytes
from edge.message import encode
from edge.records import Decision, Description, Inspection, Scores, Tag, Verdict, Words
from edge.sinks.mqtt.routes import mqtt_routes
from edge.sinks.route import SinkRoute
from edge.spool.store import Spool
from firmware_config.station import read_station
from tests.support.mosquitto import Mosquitto
from tests.support.station_files import station_toml

SUBSCRIBER = """
import sys, threading, time
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
client = Client(CallbackAPIVersion.VERSION2)
def note(_client, _userdata, message):
    now, start = time.time(), message.payload.index(b'"id":"') + 6
    print(message.payload[start : message.payload.index(b'"', start)].decode(), now)
client.on_message = note
client.on_connect = lambda *_: client.subscribe("plant/line1/+/verdict", qos=1)
client.on_subscribe = lambda *_: print("ready", 0, flush=True)
client.connect("127.0.0.1", int(sys.argv[1]))
threading.Thread(target=lambda: (sys.stdin.read(), client.disconnect()), daemon=True).start()
client.loop_forever()
"""
LIVE_EVERY_S, IDLE_VERDICTS = 0.05, 400
DEADLINE_S = 600.0

STATION = "cell-01"
WORDS = Words(
    tags=tuple(Tag(f"tag number {number}", 0.3) for number in range(5)),
    attributes=tuple(Tag(f"an attribute with number {number}", 0.25) for number in range(5)),
    captions=("a solar cell with four busbars and a long thin crack from the upper left", "a cell with a dark corner"),
)
SAMPLE = Inspection(
    id="sample", station=STATION, source="cell0001.png", part_id=None, captured_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
    verdict=Verdict(Decision.NG, "crack", 0.93), description=Description(WORDS),
    scores=Scores(("functional", "crack"), (-4.0, -1.0), (0.07, 0.93), "rank", 200, calibrated=True),
    timings_ms=(("capture", 1.2), ("clip", 9.8), ("blip", 61.0), ("judge", 55.1)), bundle="sha256:" + "a" * 64,
    models_digest="sha256:" + "b" * 64, station_digest="sha256:" + "c" * 64, settings_digest="sha256:" + "d" * 64, evidence_sha256="e" * 64,
)  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """What was seen; latencies in milliseconds."""

    verdicts: int
    bytes_each: int
    drained_s: float
    per_s: float
    more_memory_mib: float
    idle_p50_ms: float
    idle_p99_ms: float
    live_p50_ms: float
    live_p99_ms: float
    missing: int


def measure(verdicts: int, *, folder: Path, protocol: str = "5", broker_delay: bool = False) -> Figures:
    """Fill a spool, then let it go while new verdicts are committed. `broker_delay` leaves the broker its small packets' delay (Nagle)."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as memory:  # noqa: S108 -- filled quickly
        spool = Spool(Path(memory) / "spool.sqlite", new_epoch=lambda: "e1")
        with closing(spool):
            spool.register_sinks({"mqtt": (STATION,)})
            for number in range(verdicts):
                spool.commit(replace(SAMPLE, id=f"backlog-{number}"))
        for path in Path(memory).iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
    broker = Mosquitto(folder / "broker", eager=False, settings=() if broker_delay else ("set_tcp_nodelay true",))
    broker.start()
    heard = folder / "heard.txt"
    with heard.open("wb") as output:
        command = [sys.executable, "-c", SUBSCRIBER, str(broker.port)]
        subscriber = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output)
    pause = threading.Event()
    while b"ready" not in heard.read_bytes():
        pause.wait(0.05)
    try:
        with closing(Spool(folder / "spool.sqlite")) as spool:
            spool.register_sinks({"mqtt": (STATION,)})
            station = folder / "station.toml"
            station.write_text(station_toml(f'\n[outputs.mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nprotocol = "{protocol}"\n'))
            (route,) = mqtt_routes([read_station(station)], box="box1", info={})
            drained_s, more, sent = _drain(spool, route)
    finally:
        subscriber.communicate(timeout=DEADLINE_S)
        broker.stop()
    arrived: dict[str, float] = {}
    for line in heard.read_text().splitlines():
        one, at = line.split()
        arrived.setdefault(one, float(at))
    late = {kind: sorted((arrived[one] - at) * 1e3 for one, at in sent.items() if one.startswith(kind)) for kind in ("live", "idle")}
    expected = {*sent, *(f"backlog-{number}" for number in range(verdicts))}
    idle, live = late["idle"], late["live"]
    return Figures(
        verdicts=verdicts,
        bytes_each=len(encode(SAMPLE)),
        drained_s=round(drained_s, 1),
        per_s=round(verdicts / drained_s),
        more_memory_mib=round(more / 2**20, 1),
        idle_p50_ms=round(idle[len(idle) // 2], 1),
        idle_p99_ms=round(idle[int(len(idle) * 0.99)], 1),
        live_p50_ms=round(live[len(live) // 2], 1),
        live_p99_ms=round(live[int(len(live) * 0.99)], 1),
        missing=len(expected - arrived.keys()),
    )


def _drain(spool: Spool, route: SinkRoute) -> tuple[float, int, dict[str, float]]:
    """Let the backlog go: seconds, bytes of memory more than before, and when each new verdict was committed, by its id."""
    dispatcher = Dispatcher(spool=spool, route=route)
    sent: dict[str, float] = {}
    before, began, pause = resident_bytes(), time.monotonic(), threading.Event()
    most = before

    def commit(one: str, then_s: float) -> None:
        spool.commit(replace(SAMPLE, id=one))
        sent[one] = time.time()
        dispatcher.wake()
        pause.wait(then_s)

    dispatcher.start()
    number = 0
    while number == 0 or dispatcher.status().backlog > 1:
        commit(f"live-{number}", LIVE_EVERY_S)
        number += 1
        most = max(most, resident_bytes())
    drained_s = time.monotonic() - began
    for number in range(IDLE_VERDICTS):
        commit(f"idle-{number}", 0.02)
    dispatcher.drain(DEADLINE_S)
    dispatcher.stop(5.0)
    return drained_s, most - before, sent


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backlog", description=__doc__)
    parser.add_argument("--verdicts", type=int, default=100_000, help="Size of the backlog. Default: %(default)s.")
    parser.add_argument("--protocol", choices=("5", "3.1.1"), default="5", help="Version of MQTT. Default: %(default)s.")
    parser.add_argument("--broker-delay", action="store_true", help="Leave the broker its delay of small packets, mosquitto's default.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.verdicts, folder=Path(folder), protocol=options.protocol, broker_delay=options.broker_delay)
    print(json.dumps(asdict(figures), indent=1))


if __name__ == "__main__":
    main()
