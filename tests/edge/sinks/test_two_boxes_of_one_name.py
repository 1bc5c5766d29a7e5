"""Two boxes of one name at one broker: the one that was there first stays, the other one says so and waits."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from paho.mqtt import publish

from edge.daemon.loop import Daemon
from edge.daemon.metrics import Metrics
from edge.daemon.sd_notify import Notifier
from edge.errors import DeliveryError
from edge.sinks import BoxStatus, SinkRoute
from edge.sinks.mqtt.connection import Received
from edge.sinks.mqtt.presence import AWAY_S, SETTLED_S, TOLD_S, Presences, process_instance
from edge.sinks.mqtt.sink import MqttSink
from edge.sinks.mqtt.wire import Presence
from edge.spool.store import Spool
from firmware_config.outputs import MqttOutput
from tests.support.consumer import Consumer, Got
from tests.support.inspections import inspection
from tests.support.mosquitto import Mosquitto
from tests.support.running_daemon import DeadCamera, pipeline, running

PATIENCE_S = 30.0
ROOT, NAME = "plant/line1", "press-3"
HERE = "another box named press-3 is at the broker 127.0.0.1"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.kill()


class Boxes:
    """Sinks of boxes that are all named alike, and their turns as a daemon makes them."""

    def __init__(self, broker: Mosquitto, protocol: str) -> None:
        self._output = MqttOutput(host="127.0.0.1", port=broker.port, protocol=protocol, keepalive_s=2, require_subscriber=False)
        self.sinks: list[MqttSink] = []

    def add(self, instance: str, *, held_s: float = 0.0) -> MqttSink:
        began = time.monotonic()

        def clock() -> float:
            return time.monotonic() + (held_s if time.monotonic() > began + 0.05 else 0.0)

        sink = MqttSink(self._output, root=ROOT, box=NAME, stations=("s1",), info={}, clock=clock, instance=instance)
        self.sinks.append(sink)
        return sink

    def until(self, happened: Callable[[dict[MqttSink, str | None]], bool]) -> dict[MqttSink, str | None]:
        """Let each have its turns until something happened; returns what each says in its last turn."""
        deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while True:
            said = {sink: turn(sink) for sink in self.sinks}
            if happened(said):
                return said
            assert time.monotonic() < deadline, said
            pause.wait(0.05)


@pytest.fixture(params=["5", "3.1.1"])
def boxes(request: pytest.FixtureRequest, broker: Mosquitto) -> Iterator[Boxes]:
    boxes = Boxes(broker, request.param)
    yield boxes
    for sink in boxes.sinks:
        sink.close()


def turn(sink: MqttSink) -> str | None:
    try:
        sink.connect()
    except DeliveryError as err:
        return str(err)
    return None


def is_away(sink: MqttSink) -> Callable[[dict[MqttSink, str | None]], bool]:
    return lambda said: HERE in str(said[sink]) and said[sink] != HERE and all(one is sink or not why for one, why in said.items())


def info_of(broker: Mosquitto) -> dict[str, object]:
    with Consumer(broker, f"{ROOT}/{NAME}/info") as consumer:
        info: dict[str, object] = json.loads(consumer.next().payload)
        return info


def test_the_newcomer_gives_way_and_the_first_one_stays(boxes: Boxes, broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    first = boxes.add("first", held_s=3600)
    boxes.until(lambda said: said[first] is None)
    time_passes = threading.Event()
    time_passes.wait(0.06)
    newcomer = boxes.add("newcomer")

    said = str(boxes.until(is_away(newcomer))[newcomer])
    assert said.endswith("verdicts wait in the spool; give one of the two another name (KOTOBA_BOX)")
    assert f"under {ROOT}" in said
    assert turn(first) is None
    assert "was sent away: give one of the two another name" in str(first.complaint())
    assert newcomer.complaint() is None
    for _ in range(3):
        with pytest.raises(DeliveryError, match=HERE):
            list(newcomer.deliver([inspection(1)]))
        list(first.deliver([inspection(2)]))
    turn(first)
    assert info_of(broker)["instance"] == "first"
    assert sum("this one gives way" in record.message for record in caplog.records) == 1
    assert sum("it is sent away" in record.message for record in caplog.records) == 1


def test_the_other_one_comes_in_when_the_first_has_gone(boxes: Boxes, broker: Mosquitto) -> None:
    first = boxes.add("first", held_s=3600)
    boxes.until(lambda said: said[first] is None)
    threading.Event().wait(0.06)
    newcomer = boxes.add("newcomer")
    boxes.until(is_away(newcomer))

    first.close()
    boxes.sinks.remove(first)
    boxes.until(lambda said: said[newcomer] is None)
    with Consumer(broker, f"{ROOT}/s1/verdict") as consumer:
        list(newcomer.deliver([inspection(1)]))
        assert json.loads(consumer.next().payload)["id"] == inspection(1).id
    assert info_of(broker)["instance"] == "newcomer"


def test_a_box_after_a_kill_finds_its_own_traces_and_comes_in_at_once(boxes: Boxes, broker: Mosquitto) -> None:
    killed = boxes.add("before the kill")
    boxes.until(lambda said: said[killed] is None)
    connection = killed._connection  # noqa: SLF001 -- a kill is no part of the interface
    assert connection is not None
    connection.abandon()
    boxes.sinks.remove(killed)

    again = boxes.add("after the kill")
    assert [turn(again) for _ in range(5)] == [None] * 5
    assert again.complaint() is None
    assert info_of(broker)["instance"] == "after the kill"


def test_outputs_of_one_process_are_one_box(broker: Mosquitto) -> None:
    outputs = [MqttOutput(host="127.0.0.1", port=broker.port, ack_timeout_s=seconds) for seconds in (4, 5)]
    with ExitStack() as stack:
        sinks = [
            stack.enter_context(closing(MqttSink(output, root=ROOT, box=NAME, stations=(f"s{number}",), info={})))
            for number, output in enumerate(outputs)
        ]
        assert [turn(sink) for _ in range(10) for sink in sinks] == [None] * 20
        assert [sink.complaint() for sink in sinks] == [None, None]


def test_no_verdict_is_lost_and_nobody_throws_the_other_out_for_ever(broker: Mosquitto, tmp_path: Path) -> None:
    """Two daemons with their own spools: the second one's verdicts wait, and go out when the first one has stopped."""
    output = MqttOutput(host="127.0.0.1", port=broker.port, keepalive_s=2)
    statuses: dict[str, list[BoxStatus]] = {"first": [], "second": []}
    told, there = threading.Event(), threading.Event()

    def daemon(stack: ExitStack, name: str) -> tuple[Daemon, Spool]:
        sink = MqttSink(output, root=ROOT, box=NAME, stations=("cell-01",), info={}, instance=name)

        def note(status: BoxStatus) -> None:
            statuses[name].append(status)
            if HERE in str(status.why):
                told.set()
            sink.set_status(status)

        spool = stack.enter_context(closing(Spool(tmp_path / f"{name}.sqlite", ballast_bytes=4096)))
        route = SinkRoute("mqtt", ("cell-01",), sink, set_status=note, complaint=sink.complaint, waits=sink.waits)
        return Daemon([pipeline(DeadCamera(), [])], spool=spool, routes=[route], metrics=Metrics(), notifier=Notifier({})), spool

    got: set[str] = set()
    arrived = threading.Condition()

    def note_message(message: Got) -> None:
        if message.topic.endswith("/info") and json.loads(message.payload)["instance"] == "first":
            there.set()
        if message.topic.endswith("/verdict"):
            with arrived:
                got.add(json.loads(message.payload)["id"])
                arrived.notify_all()

    with Consumer(broker, f"{ROOT}/#", on_message=note_message), ExitStack() as stack:
        first, first_spool = daemon(stack, "first")
        second, second_spool = daemon(stack, "second")
        with ExitStack() as second_runs:
            with running(first) as stop_first:
                assert there.wait(PATIENCE_S)  # else the second may be the one that was there before
                second_runs.enter_context(running(second))
                assert told.wait(PATIENCE_S)
                connections = (tmp_path / "broker/log").read_text().count("New client connected")
                for spool in (first_spool, second_spool):
                    for number in range(1, 4):
                        spool.commit(replace(inspection(number), station="cell-01", id=f"{spool.epoch}-{number}"))
                with arrived:
                    assert arrived.wait_for(lambda: len(got) >= 3, PATIENCE_S)
                assert connections < 15
                stop_first.set()
            with arrived:
                assert arrived.wait_for(lambda: len(got) == 6, PATIENCE_S), got
    assert any(HERE in str(status.why) for some in statuses.values() for status in some)


def presences(instance: str, clock: Callable[[], float]) -> Presences:
    return Presences(root=ROOT, box=NAME, where="broker:1883", instance=instance, clock=clock)


def heard(presence: Presences, payload: bytes, *, retained: bool = False) -> bytes | None:
    return presence.take(Received(presence.topic, payload, retained))


def named(presence: Presences, instance: str) -> None:
    """Another instance describes itself under the name of this box."""
    presence.take(Received(f"{ROOT}/{NAME}/info", json.dumps({"instance": instance}).encode(), retained=True))


def claim(instance: str, *, asks: bool) -> bytes:
    return Presence(instance=instance, held_s=1e9, asks=asks).model_dump_json().encode()


def test_who_has_held_longer_stays_and_two_that_come_at_once_decide_alike() -> None:
    now = [100.0]
    old, new = presences("z", lambda: now[0]), presences("a", lambda: now[0])
    named(old, "a")
    assert heard(old, new.question()) is None
    assert old.must_leave, "neither holds: the smaller name stays"
    old = presences("z", lambda: now[0])
    named(old, "a")
    answer = heard(new, old.question())
    assert answer is not None
    assert not Presence.model_validate_json(answer).asks
    assert heard(old, answer) is None
    assert old.must_leave

    old = presences("z", lambda: now[0])
    old.hold()
    now[0] += 5
    assert heard(old, new.question()) is not None
    assert not old.must_leave
    assert old.complaint() is not None
    now[0] += TOLD_S + 1
    assert old.complaint() is None


def test_who_was_away_for_long_begins_anew() -> None:
    now = [0.0]
    box, other = presences("box", lambda: now[0]), presences("other", lambda: now[0])
    box.hold()
    now[0] = 1_000.0
    other.hold()
    box.lose(taken_over=False)
    now[0] += AWAY_S + 1
    box.hold()
    assert heard(other, box.question()) is not None
    assert not other.must_leave


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[1]", b"\xff", b'{"instance":"x"}', b'{"instance":"x","held_s":-1,"asks":false}', b"{}" * 40_000]
)
def test_what_is_no_presence_moves_nothing(payload: bytes) -> None:
    box = presences("box", time.monotonic)
    assert heard(box, payload) is None
    assert box.take(Received(box.topics[0], payload.replace(b'"x"', b"3"), retained=True)) is None
    assert not box.must_leave


def test_a_retained_answer_sends_nobody_away() -> None:
    box = presences("box", time.monotonic)
    assert heard(box, Presence(instance="x", held_s=9, asks=False).model_dump_json().encode(), retained=True) is None
    assert not box.must_leave


@pytest.mark.parametrize("asks", [True, False])
def test_a_box_that_has_been_connected_for_a_while_stays_whatever_is_claimed(*, asks: bool) -> None:
    now = [100.0]
    box = presences("box", lambda: now[0])
    box.hold()
    named(box, "liar")
    now[0] += SETTLED_S + 1
    answer = heard(box, claim("liar", asks=asks))
    assert not box.must_leave
    assert (answer is not None) == asks, "an answer to an answer would go back and forth for ever"
    assert box.complaint() is not None


def test_a_box_that_has_just_come_back_believes_who_is_described_under_its_name_and_nobody_else() -> None:
    now = [100.0]
    box = presences("box", lambda: now[0])
    box.hold()
    now[0] += SETTLED_S + 1
    box.lose(taken_over=False)
    now[0] += 1
    box.hold()
    for asks in (True, False):
        assert heard(box, claim("liar", asks=asks)) is None
        assert not box.must_leave
    named(box, "there for longer")
    assert heard(box, claim("there for longer", asks=False)) is None
    assert box.must_leave


def test_a_stranger_that_only_claims_to_be_there_silences_no_box(boxes: Boxes, broker: Mosquitto) -> None:
    box = boxes.add("box")
    for asks in (True, False, True):
        assert turn(box) is None
        publish.single(f"{ROOT}/{NAME}/presence", claim("liar", asks=asks), qos=1, hostname="127.0.0.1", port=broker.port)
        assert list(box.deliver([inspection(1)])), "its acknowledgement comes after what the stranger has said"
    assert turn(box) is None


def test_this_process_has_one_name() -> None:
    assert process_instance() == process_instance()
    assert len(process_instance()) == 16
