"""Triggers over MQTT with a real broker: each has exactly one answer, of the frame nearest to it, whatever hangs, stalls or restarts."""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.sinks.mqtt.command_topics import TriggerMessage
from firmware_config.toml import parse_toml
from tests.support.mosquitto import Mosquitto
from tests.support.repository import ROOT
from tests.support.requester import Requester
from tests.support.sample_records import station
from tests.support.triggered_box import ROOT_TOPIC, TriggeredBox

PROTOCOLS = ["5", "3.1.1"]
PATIENCE_S = 60.0
PER_PART, PART_S = 20, 0.06
"""Triggers for one part, and the time from one part to the next: some pictures."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.kill()


def part_of(name: str) -> str:
    """The part of the nth trigger."""
    return f"part {int(name[1:]) // PER_PART}"


def started(requester: Requester) -> None:
    """Wait until the box listens: it says so in its retained topics after it has subscribed."""
    requester.wait_for("states", 1)


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("hangs", [False, True], ids=["", "a judge that hangs for a while"])
def test_each_of_200_triggers_has_one_answer_of_the_nearest_frame(tmp_path: Path, broker: Mosquitto, protocol: str, *, hangs: bool) -> None:
    dice, pause = random.Random(7), threading.Event()
    box = TriggeredBox(tmp_path, broker, protocol=protocol, deadline_ms=1_000 if hangs else 20_000)
    names = [f"r{number}" for number in range(200)]

    with Requester(broker, ROOT_TOPIC, protocol=protocol) as line, box.running():
        started(line)
        for number, name in enumerate(names):
            pause.wait(dice.uniform(0, 0.03) + (PART_S if number % PER_PART == 0 else 0))
            if hangs and number == 60:
                box.judge.hangs.set()
            if hangs and number == 140:
                box.judge.hangs.clear()
                # Only when those of before have their answers may it go on.
                assert box.judge.reached.wait(PATIENCE_S)
                line.wait_for("verdicts", 139)
                box.judge.released.set()
            line.trigger(name, part_of(name))
        verdicts = line.wait_for("verdicts", 200)
        responses = line.wait_for("responses", 200 if protocol == "5" else 0)

    said = {answer.said["request_id"]: answer.said for answer in verdicts}
    assert sorted(said) == sorted(names)
    assert len({answer.said["id"] for answer in verdicts}) == 200
    assert {name: one["part_id"] for name, one in said.items()} == {name: part_of(name) for name in names}
    # A busy machine holds pictures up: then a part may have none of its own.
    shared = [one for one in said.values() if one["reasons"] == ["camera_stalled"]]
    assert len(shared) <= 10
    said_of_pictures = {name: one for name, one in said.items() if one not in shared}
    parts = {one["source"]: one["part_id"] for one in said_of_pictures.values()}
    assert [name for name, one in said_of_pictures.items() if parts[one["source"]] != one["part_id"]] == []
    assert [name for name, one in said_of_pictures.items() if not box.is_right(name, one["source"])] == []
    assert sum(one["source"] == box.nearest(name) for name, one in said.items()) >= 190
    decisions = Counter((one["decision"], *one["reasons"]) for one in said_of_pictures.values())
    if hangs:
        assert set(decisions) == {("OK",), ("REVIEW", "late")}
        assert decisions["REVIEW", "late"] >= 79 - len(shared)
    else:
        assert decisions == {("OK",): 200 - len(shared)}
    if protocol == "5":
        assert not any(answer.retained for answer in responses)
        payloads = {answer.said["id"]: answer.payload for answer in verdicts}
        assert {answer.correlation: answer.payload for answer in responses} == {name.encode(): payloads[said[name]["id"]] for name in names}


def test_a_camera_that_stalls_is_a_fault_in_time_and_one_that_is_back_is_judged(tmp_path: Path, broker: Mosquitto) -> None:
    box = TriggeredBox(tmp_path, broker)
    with Requester(broker, ROOT_TOPIC) as line, box.running():
        started(line)
        line.trigger("before")
        line.wait_for("verdicts", 1)
        box.camera.stalled.set()
        threading.Event().wait(0.6)  # past nearest_ms: the last frame shows another part
        line.trigger("during", "p1")
        line.wait_for("responses", 2)
        box.camera.stalled.clear()
        line.trigger("after")
        answers = [answer.said for answer in line.wait_for("responses", 3)]

    assert [(one["request_id"], one["decision"], one["reasons"]) for one in answers] == [
        ("before", "OK", []),
        ("during", "FAULT", ["camera_stalled"]),
        ("after", "OK", []),
    ]
    assert answers[1]["part_id"] == "p1"
    assert "no picture within 100 ms of the trigger, the last one is" in answers[1]["detail"]


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_survives_a_restart_of_the_broker(tmp_path: Path, broker: Mosquitto, protocol: str) -> None:
    box = TriggeredBox(tmp_path, broker, protocol=protocol)
    box.judge.hangs.set()
    with Requester(broker, ROOT_TOPIC, protocol=protocol) as line, box.running():
        started(line)
        line.trigger("asked", "p7")
        assert box.judge.reached.wait(PATIENCE_S)
        broker.stop()
        box.judge.hangs.clear()
        box.judge.released.set()
        while not box.spool.status().rows:
            threading.Event().wait(0.01)
        broker.start()
        verdicts = line.wait_for("verdicts", 1)
        responses = line.wait_for("responses", 1 if protocol == "5" else 0)

    assert {(answer.said["request_id"], answer.said["part_id"], answer.said["decision"]) for answer in verdicts} == {("asked", "p7", "OK")}
    assert len({answer.said["id"] for answer in verdicts}) == 1
    assert {answer.payload for answer in responses} == ({verdicts[0].payload} if protocol == "5" else set())


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_trigger_that_arrives_has_one_answer_while_the_broker_restarts(tmp_path: Path, broker: Mosquitto, protocol: str) -> None:
    dice, pause = random.Random(11), threading.Event()
    box = TriggeredBox(tmp_path, broker, protocol=protocol)
    with Requester(broker, ROOT_TOPIC, protocol=protocol) as line, box.running():
        started(line)
        for number in range(200):
            pause.wait(dice.uniform(0, 0.03))
            line.trigger(f"r{number}", f"p{number}")
            if number in {50, 100, 150}:
                broker.stop()
                broker.start()
        line.wait_until_answered("verdicts", ["r199"])  # by then the box is back
        verdicts = line.wait_until_answered("verdicts", box.arrived)
        responses = line.wait_until_answered("responses", box.arrived if protocol == "5" else ())

    ids = {answer.said["request_id"]: answer.said["id"] for answer in verdicts}
    assert set(ids) == set(box.arrived)
    assert {(answer.said["request_id"], answer.said["id"]) for answer in [*verdicts, *responses]} == set(ids.items())
    assert {answer.said["part_id"] for answer in verdicts} == {f"p{name[1:]}" for name in box.arrived}


def test_a_response_does_not_wait_for_a_subscriber_of_the_verdicts(tmp_path: Path, broker: Mosquitto) -> None:
    box = TriggeredBox(tmp_path, broker)
    with Requester(broker, ROOT_TOPIC) as line, box.running():
        started(line)
        line.stop_listening("verdict")
        for number in range(3):
            line.trigger(f"r{number}")
        responses = line.wait_for("responses", 3)
        backlog = box.spool.backlog("mqtt", ("cell-01",))

    assert [answer.said["request_id"] for answer in responses] == ["r0", "r1", "r2"]
    assert backlog == 3


def test_a_station_that_is_switched_off_lets_its_camera_go_and_answers_with_faults(tmp_path: Path, broker: Mosquitto) -> None:
    box = TriggeredBox(tmp_path, broker)
    with Requester(broker, ROOT_TOPIC) as line, box.running():
        started(line)
        line.publish("enabled/set", b"false")
        line.wait_for("states", 2)
        assert box.camera.let_go.wait(PATIENCE_S)
        line.trigger("off")
        off = line.wait_for("responses", 1)[0].said
        line.publish("enabled/set", b'{"enabled": true}')
        states = [answer.said["enabled"] for answer in line.wait_for("states", 3)]
        line.trigger("on")
        on = line.wait_for("responses", 2)[1].said

    assert (off["decision"], off["reasons"]) == ("FAULT", ["disabled"])
    assert on["decision"] == "OK"
    assert box.is_right("on", on["source"])
    assert states == [True, False, True]
    assert box.camera.lives == 2


def test_a_retained_switch_holds_after_a_restart_and_what_was_said_since_holds_over_a_reconnection(
    tmp_path: Path, broker: Mosquitto
) -> None:
    box = TriggeredBox(tmp_path, broker)
    with Requester(broker, ROOT_TOPIC) as line:
        line.publish("enabled/set", b"false", retain=True)
        with box.running():
            line.wait_for("states", 2)
            line.publish("enabled/set", b"true")
            line.wait_for("states", 3)
            broker.stop()  # it keeps the retained message, and gives it to the box again
            broker.start()
            while not line.responses():  # the box is not back yet
                line.publish("trigger", b"{}", correlation=b"x")
                threading.Event().wait(0.05)
            refused, still_on = line.responses()[0], box.pipeline.switch.is_on
            states = [answer.said["enabled"] for answer in line.states()]

    assert still_on
    assert (states[:2], set(states[2:])) == ([True, False], {True})
    assert refused.said["error"].endswith(
        "request_id: Field required: send request_id (1 to 128 characters) and part_id, if known, as JSON"
    )


def test_what_is_no_trigger_is_refused_and_said_once(tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    box = TriggeredBox(tmp_path, broker)
    wrong = [b"now", b'{"request_id": ""}', b'{"request_id": "a", "part": "b"}', json.dumps({"request_id": "x" * 5_000}).encode()]
    with caplog.at_level("WARNING"), Requester(broker, ROOT_TOPIC) as line:
        line.publish("trigger", b'{"request_id": "stale"}', correlation=b"stale", retain=True)
        with box.running():
            started(line)
            stale = line.wait_for("responses", 1)
            for payload in wrong:
                line.publish("trigger", payload, correlation=b"wrong")
            refused = line.wait_for("responses", 1 + len(wrong))
            line.publish("enabled/set", b"off")
            line.trigger("good")
            line.trigger("good")
            line.trigger("better")
            verdicts = line.wait_for("verdicts", 2)

    assert "retained" in stale[0].said["error"]
    assert all(set(answer.said) == {"error"} for answer in refused)
    assert [answer.said["request_id"] for answer in verdicts] == ["good", "better"]
    logged = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len([line for line in logged if "/trigger:" in line]) == 2  # what is no trigger; the repeated one, after a good one
    assert len([line for line in logged if "/enabled/set:" in line]) == 1
    assert box.pipeline.switch.is_on


def test_triggers_that_are_open_when_the_box_stops_are_answered(tmp_path: Path, broker: Mosquitto) -> None:
    box = TriggeredBox(tmp_path, broker)
    box.camera.stalled.set()
    with Requester(broker, ROOT_TOPIC) as line:
        with box.running():
            started(line)
            line.trigger("open")
            while "open" not in box.arrived:
                threading.Event().wait(0.01)
        answer = line.wait_for("responses", 1)[0].said
    assert (answer["request_id"], answer["decision"]) == ("open", "FAULT")


def test_the_examples_of_the_document_are_what_the_box_takes_and_says() -> None:
    text = (ROOT / "docs/triggers.md").read_text(encoding="utf-8")
    toml, trigger, state = re.findall(r"```(?:toml|json)\n(.*?)```", text, re.DOTALL)
    sections = parse_toml(toml.encode())
    assert station(**sections).trigger.nearest_ms == 100
    assert TriggerMessage.model_validate_json(trigger).part_id == "A-17"
    for body in re.findall(r"-m '(.*?)'", text):
        assert TriggerMessage.model_validate_json(body).request_id.startswith("line7-")
    assert set(json.loads(state)) == {"enabled", "since"}
