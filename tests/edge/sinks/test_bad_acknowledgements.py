from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.daemon.dispatcher import Dispatcher, DispatchStatus
from edge.errors import DeliveryError
from edge.message import encode
from edge.sinks import SinkRoute
from edge.sinks.mqtt.connection import WINDOW
from edge.sinks.mqtt.sink import MqttSink
from edge.spool.store import Spool
from firmware_config.outputs import MqttOutput
from tests.faults.broker import DROP, NEVER, OK, Answer, Greeting, ScriptedBroker
from tests.support.inspections import inspection

DEADLINE_S = 20.0
ALARM_S = 5.0
VERDICTS = 4
FEW = 3


def sink_for(broker: ScriptedBroker, protocol: str) -> MqttSink:
    output = MqttOutput(host="127.0.0.1", port=broker.port, protocol=protocol, ack_timeout_s=0.3)
    return MqttSink(output, root="plant", box="box1", stations=("s1",), info={})


@contextmanager
def dispatched(folder: Path, sink: MqttSink, seen: Callable[[DispatchStatus], object]) -> Iterator[tuple[Spool, Dispatcher]]:
    """Run a dispatcher whose pauses after failures only look at its status."""

    def pause(stopping: threading.Event, _seconds: float) -> bool:
        seen(dispatcher.status())
        return stopping.is_set()

    spool = Spool(folder / "spool.sqlite", ballast_bytes=4096)
    spool.register_sinks({"mqtt": ("s1",)})
    dispatcher = Dispatcher(spool=spool, route=SinkRoute("mqtt", ("s1",), sink), wait=pause)
    try:
        yield spool, dispatcher
    finally:
        assert dispatcher.stop(DEADLINE_S)
        spool.close()


REFUSALS = (0x10, 0x80, 0x83, 0x87, 0x90, 0x97)
BAD: list[tuple[str, Answer]] = [*(("5", answer) for answer in (NEVER, DROP, *REFUSALS)), ("3.1.1", NEVER), ("3.1.1", DROP)]


IDS = [f"MQTT {p} {a if isinstance(a, str) else format(a, '#04x')}" for p, a in BAD]


@pytest.mark.parametrize(("protocol", "answer"), BAD, ids=IDS)
@pytest.mark.parametrize("times", [FEW, pytest.param(20, marks=pytest.mark.long), pytest.param(100, marks=pytest.mark.soak)])
def test_after_a_bad_acknowledgement_everything_stays_pending_and_is_then_delivered(
    tmp_path: Path, protocol: str, answer: Answer, times: int, record_property: Callable[[str, object], None]
) -> None:
    seen: list[DispatchStatus] = []
    with ScriptedBroker([answer] * times, protocol=protocol) as broker:
        with dispatched(tmp_path, sink_for(broker, protocol), seen.append) as (spool, dispatcher):
            committed = [spool.commit(inspection(number)) for number in range(VERDICTS)]
            dispatcher.start()
            assert dispatcher.drain(DEADLINE_S + times)
            accepted = [broker.accepted.get(timeout=DEADLINE_S) for _ in range(VERDICTS)]

        assert accepted == [encode(one) for one in committed]
        assert broker.offered == VERDICTS + times
    assert [status.backlog for status in seen] == [VERDICTS] * times
    assert {status.nobody_listens for status in seen} == {answer == 0x10}
    assert all(status.last_error for status in seen)
    if times != FEW:
        kind = answer if isinstance(answer, str) else f"answers with {answer:#04x}"
        record_property(
            "R6", f"MQTT {protocol}, {kind}, {times} times: all stayed pending each time, then {len(accepted)} of {VERDICTS} came"
        )


@pytest.mark.parametrize(
    "protocol",
    [
        pytest.param("5", marks=pytest.mark.long, id="5, a fifth"),
        pytest.param("5", marks=pytest.mark.soak, id="5"),
        pytest.param("3.1.1", marks=pytest.mark.soak, id="3.1.1"),
    ],
)
def test_with_the_first_acknowledgement_that_does_not_come_the_alarm_is_there(
    tmp_path: Path, protocol: str, record_property: Callable[[str, object], None]
) -> None:
    told: list[tuple[float, str]] = []
    alarms: list[tuple[float, int, DispatchStatus]] = []
    output = MqttOutput(host="127.0.0.1", port=1, protocol=protocol)
    with ScriptedBroker([OK, NEVER], protocol=protocol, tell=lambda what: told.append((time.monotonic(), what))) as broker:

        def note(status: DispatchStatus) -> None:
            alarms.append((time.monotonic(), broker.offered, status))

        sink = MqttSink(output.model_copy(update={"port": broker.port}), root="plant", box="box1", stations=("s1",), info={})
        with dispatched(tmp_path, sink, note) as (spool, dispatcher):
            for number in range(2 * WINDOW):
                spool.commit(inspection(number))
            dispatcher.start()
            assert dispatcher.drain(DEADLINE_S)

    ((at_s, offered, status),) = alarms
    (sent_s,) = (each_s for each_s, what in told if what.startswith("verdict 2 "))
    record_property("R6", f"MQTT {protocol}, never acknowledges, as the settings come: the alarm {at_s - sent_s:.1f} s after the verdict")
    assert output.ack_timeout_s == ALARM_S
    assert offered <= 1 + WINDOW  # those behind it are under way: it waits for one acknowledgement, not for one after the other
    assert status.last_error is not None
    assert "no answer in time" in status.last_error


@pytest.mark.parametrize(("protocol", "answer"), BAD, ids=IDS)
def test_of_verdicts_sent_at_once_those_behind_a_bad_acknowledgement_come_again(tmp_path: Path, protocol: str, answer: Answer) -> None:
    seen: list[DispatchStatus] = []
    with ScriptedBroker([OK, OK, answer], protocol=protocol) as broker:
        with dispatched(tmp_path, sink_for(broker, protocol), seen.append) as (spool, dispatcher):
            committed = [spool.commit(inspection(number)) for number in range(2 * WINDOW)]
            dispatcher.start()
            assert dispatcher.drain(DEADLINE_S)
            first, *after = [broker.accepted.get(timeout=DEADLINE_S) for _ in range(broker.accepted.qsize())]

        assert {first, *after} == {encode(one) for one in committed}
        assert len(after) + 1 - len(committed) <= WINDOW
        assert after[-WINDOW:] == [encode(one) for one in committed[-WINDOW:]]
    (status,) = seen
    assert status.backlog in {2 * WINDOW - 2, 2 * WINDOW - 1}  # a connection that breaks may take an acknowledgement with it


@pytest.mark.parametrize(
    ("protocol", "code", "why"), [("5", 0x87, "Not authorized"), ("5", 0x88, "Server unavailable"), ("3.1.1", 5, "Not authorized")]
)
def test_a_refused_greeting_is_never_called_connected(tmp_path: Path, protocol: str, code: int, why: str) -> None:
    refused = threading.Event()
    seen: list[DispatchStatus] = []

    def note(status: DispatchStatus) -> None:
        seen.append(status)
        if len(seen) == 3:
            refused.set()

    with (
        ScriptedBroker([], protocol=protocol, greeting=Greeting(code)) as broker,
        dispatched(tmp_path, sink_for(broker, protocol), note) as (_, dispatcher),
    ):
        dispatcher.start()
        assert refused.wait(DEADLINE_S)
        assert not dispatcher.drain(0)
    assert all(status.last_error and f"refused: {why}" in status.last_error for status in seen)


@pytest.mark.parametrize("code", [0x87, 0x97])
def test_the_refusal_names_its_code_and_reason(code: int) -> None:
    with ScriptedBroker([code], protocol="5") as broker:
        sink = sink_for(broker, "5")
        with pytest.raises(DeliveryError, match=rf"the broker refuses it with 0x{code:02X} \((Not authorized|Quota exceeded)\)"):
            list(sink.deliver([inspection(1)]))
        sink.close()
