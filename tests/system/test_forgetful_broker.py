"""A broker as it comes loses what it has acknowledged: the consumer sees every gap, and a replay fills it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from edge.daemon.dispatcher import Dispatcher
from edge.message import decode
from edge.sinks import SinkRoute
from edge.sinks.mqtt.sink import MqttSink
from edge.spool.store import Spool
from firmware_config.outputs import MqttOutput
from tests.support.consumer import Consumer, Got
from tests.support.inspections import inspection
from tests.support.ledger import Gap, Ledger, ask_again
from tests.support.mosquitto import Mosquitto

DEADLINE_S = 120.0


def box(spool: Path, broker: Mosquitto, verdicts: range) -> str:
    """Commit and deliver until the broker has acknowledged everything; returns the epoch."""
    with closing(Spool(spool, ballast_bytes=4096)) as opened:
        opened.register_sinks({"mqtt": ("s1",)})
        output = MqttOutput(host="127.0.0.1", port=broker.port)
        sink = MqttSink(output, root="plant", box="box1", stations=("s1",), info={})
        dispatcher = Dispatcher(spool=opened, route=SinkRoute("mqtt", ("s1",), sink))
        for number in verdicts:
            opened.commit(inspection(number))
        dispatcher.start()
        try:
            assert dispatcher.drain(DEADLINE_S)
        finally:
            assert dispatcher.stop(DEADLINE_S)
        return opened.epoch


def consumer(broker: Mosquitto, ledger: Ledger) -> Consumer:
    def add(ledger: Ledger, got: Got) -> None:
        ledger.add(decode(got.payload))

    return Consumer(broker, "plant/s1/verdict", persistent=True, on_message=partial(add, ledger))


def killed(broker: Mosquitto) -> None:
    broker.kill()
    broker.start()


@pytest.mark.parametrize(
    ("verdicts", "queued", "then"),
    [
        pytest.param(500, 100, None, marks=pytest.mark.long, id="the queue is full, 500"),
        pytest.param(100, 200, killed, marks=pytest.mark.long, id="killed, 100"),
        pytest.param(5_000, 1_000, None, marks=pytest.mark.soak, id="the queue is full, 5,000"),
        pytest.param(500, 1_000, killed, marks=pytest.mark.soak, id="killed, 500"),
    ],
)
def test_what_the_broker_acknowledged_and_lost_is_seen_and_replayed(
    tmp_path: Path, verdicts: int, queued: int, then: Callable[[Mosquitto], None] | None, record_property: Callable[[str, object], None]
) -> None:
    ledger, broker, spool = Ledger(), Mosquitto(tmp_path / "broker", queued=queued), tmp_path / "spool.sqlite"
    broker.start()
    try:
        with consumer(broker, ledger):
            pass  # it subscribes, and is away from now on
        epoch = box(spool, broker, range(1, verdicts + 1))
        if then is not None:
            then(broker)
        with consumer(broker, ledger):
            box(spool, broker, range(verdicts + 1, verdicts + 2))
            ledger.wait_for_seq(verdicts + 1)
            arrived = len(ledger.effects) - 1
            gaps = ledger.gaps()
            ask_again(gaps, spool)
            box(spool, broker, range(0))
            ledger.wait_for_count(verdicts + 1)
    finally:
        broker.kill()

    record_property("R5", f"{verdicts:,} acknowledged, {arrived:,} delivered, {len(ledger.gaps())} missing after the replay")
    assert arrived <= queued if then is None else arrived == 0
    assert sum(gap.last - gap.first + 1 for gap in gaps) == verdicts - arrived
    assert then is None or gaps == [Gap(epoch, "s1", 1, verdicts)]
    assert ledger.gaps() == []
    assert sorted(effect.seq for effect in ledger.effects) == list(range(1, verdicts + 2))
