"""Kill -9 of daemon and broker while verdicts stream: each takes effect once at a consumer that asks for what is missing."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from edge.daemon.dispatcher import MARK_ROWS
from edge.message import decode
from edge.sinks.mqtt import connection
from firmware_config.outputs import MqttOutput
from tests.support.consumer import Consumer, Got
from tests.support.ledger import Ledger, ask_again
from tests.support.mosquitto import WINDOW, Mosquitto

DAEMON = """
import sys, threading
from pathlib import Path
from edge.daemon.dispatcher import Dispatcher
from edge.sinks import SinkRoute
from edge.sinks.mqtt.sink import MqttSink
from edge.spool.store import Spool
from edge.message import decode
from firmware_config.outputs import MqttOutput
from tests.support.inspections import inspection

path, output, verdicts = Path(sys.argv[1]), MqttOutput.model_validate_json(sys.argv[2]), int(sys.argv[3])
spool = Spool(path, ballast_bytes=4096)
spool.register_sinks({"mqtt": ("s1",)})
sink = MqttSink(output, root="plant", box="box1", stations=("s1",), info={})
dispatcher = Dispatcher(spool=spool, route=SinkRoute("mqtt", ("s1",), sink))
dispatcher.start()
pause = threading.Event()
first = max(1, spool.status().rows - 5)  # an inspector that was killed may commit its last ones again
for number in range(first, verdicts + 1):
    spool.commit(inspection(number, detail="x" * 500))
    dispatcher.wake()
    while spool.backlog("mqtt", ("s1",)) > 100:  # so that kills meet commits and deliveries all the time
        pause.wait(0.005)
while not dispatcher.drain(60):
    pass
assert dispatcher.stop(10)
spool.close()
"""

DEADLINE_S = 120.0


class Daemon:
    """A box without a camera, killed and started again on the same spool."""

    def __init__(self, spool: Path, broker: Mosquitto, protocol: str, verdicts: int) -> None:
        output = MqttOutput(host="127.0.0.1", port=broker.port, protocol=protocol, tls=broker.tls, keepalive_s=2, ack_timeout_s=10)
        self._command = [sys.executable, "-c", DAEMON, str(spool), output.model_dump_json(), str(verdicts)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)

    def kill(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(DEADLINE_S)


def _add(ledger: Ledger, got: Got) -> None:
    ledger.add(decode(got.payload))


@pytest.mark.parametrize(
    ("protocol", "tls", "verdicts", "broker_kills", "daemon_kills"),
    [
        pytest.param("5", False, 2_000, 0, 20, id="MQTT 5 plain, 2,000, the broker lives"),
        pytest.param("5", False, 5_000, 10, 20, id="MQTT 5 plain, 5,000"),
        pytest.param("3.1.1", True, 5_000, 10, 20, id="MQTT 3.1.1 TLS, 5,000"),
        pytest.param("5", True, 20_000, 10, 40, id="MQTT 5 TLS, 20,000"),
        pytest.param("5", True, 100_000, 50, 200, id="MQTT 5 TLS, 100,000", marks=pytest.mark.soak),
        pytest.param("3.1.1", True, 100_000, 50, 200, id="MQTT 3.1.1 TLS, 100,000", marks=pytest.mark.soak),
    ],
)
def test_each_committed_verdict_takes_effect_once_whatever_is_killed(
    tmp_path: Path, protocol: str, *, tls: bool, verdicts: int, broker_kills: int, daemon_kills: int
) -> None:
    dice, ledger, pause = random.Random(f"{protocol} {verdicts}"), Ledger(), threading.Event()
    broker = Mosquitto(tmp_path / "broker", tls=tls)
    spool = tmp_path / "spool.sqlite"
    daemon = Daemon(spool, broker, protocol, verdicts)
    victims = dice.sample(["broker"] * broker_kills + ["daemon"] * daemon_kills, broker_kills + daemon_kills)
    moments = sorted(dice.sample(range(verdicts * 9 // 10), len(victims)))
    broker.start()

    try:
        add = partial(_add, ledger)
        with Consumer(broker, "plant/s1/verdict", protocol=protocol, persistent=True, on_message=add):
            daemon.start()
            for victim, moment in zip(victims, moments, strict=True):
                ledger.wait_for_count(moment - broker_kills)
                pause.wait(dice.uniform(0, 0.02))
                victim_process = broker if victim == "broker" else daemon
                victim_process.kill()
                victim_process.start()
            assert daemon.wait() == 0
            ledger.wait_for_seq(verdicts)

            gaps = ledger.gaps()
            lost = sum(gap.last - gap.first + 1 for gap in gaps)
            copies = ledger.copies
            if gaps:
                ask_again(gaps, spool)
                daemon.start()
                assert daemon.wait() == 0
            ledger.wait_for_count(verdicts)
    finally:
        daemon.kill()
        broker.kill()

    effects = ledger.effects
    epoch = effects[0].epoch
    assert {effect.id: (effect.epoch, effect.seq) for effect in effects} == {f"s1-{n}": (epoch, n) for n in range(1, verdicts + 1)}
    assert len(effects) == verdicts
    assert ledger.gaps() == []
    # Only a kill of the broker may lose what it acknowledged, the verdicts that were on their way; a box that is killed loses none.
    assert lost <= connection.WINDOW * broker_kills
    assert ledger.replayed_copies == lost
    first_copies = [effect.seq for effect in effects if not effect.replayed]
    assert first_copies == sorted(first_copies)
    twice = (WINDOW + connection.WINDOW) * broker_kills + (connection.WINDOW + MARK_ROWS) * daemon_kills
    assert copies - (verdicts - lost) <= twice
