"""The rendered broker as mosquitto carries it out: nobody without a password, and each role its own topics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.message import encode
from edge.sinks.mqtt.asyncapi import TOPICS, Topic
from edge.sinks.mqtt.sink import MqttSink
from firmware_config.outputs import MqttOutput
from tests.support.inspections import inspection
from tests.support.rendered_broker import RenderedBroker

ROOT, BOX, OTHER = "plant/line1", "line1-box", "line1-second"
GUESSED = "guessed"
CONSUMER, CONTROLLER = "history", "plc-1"
TOLD = [topic for topic in TOPICS if topic.way == "send"]
HEARD = [topic for topic in TOPICS if topic.way == "receive"]


def address(topic: Topic, *, station: str = "cell-01", box: str = BOX) -> str:
    return topic.address.format(root=ROOT, station=station, box=box)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RenderedBroker]:
    with RenderedBroker(tmp_path).running() as running:
        yield running


@pytest.mark.parametrize("user", [BOX, CONSUMER, CONTROLLER, OTHER])
def test_each_user_logs_in_with_its_password_alone(broker: RenderedBroker, user: str) -> None:
    with broker.client(user) as welcome, broker.client(user, password=GUESSED) as stranger:
        assert welcome.answer() == "Success"
        assert stranger.answer() == "Not authorized"


def test_nobody_connects_without_a_name(broker: RenderedBroker) -> None:
    with broker.client(None) as nameless:
        assert nameless.answer() == "Not authorized"


@pytest.mark.parametrize("topic", TOLD, ids=lambda topic: topic.name)
def test_a_topic_of_the_box_is_written_by_the_box_and_read_by_every_role(broker: RenderedBroker, topic: Topic) -> None:
    place = address(topic)
    with broker.client(BOX) as box, broker.client(CONSUMER) as consumer, broker.client(CONTROLLER) as controller:
        consumer.listen(place)
        controller.listen(place)
        assert not consumer.may_publish(place, b"forged")
        assert not controller.may_publish(place, b"forged")
        assert box.may_publish(place, b"said")
        assert consumer.heard_until(b"said") == controller.heard_until(b"said") == [place]


def test_no_box_speaks_for_another(broker: RenderedBroker) -> None:
    with broker.client(BOX) as box, broker.client(OTHER) as other:
        for topic in TOLD:
            theirs = address(topic, station="cell-07", box=OTHER)
            assert not box.may_publish(theirs), theirs
            assert not other.may_publish(address(topic)), address(topic)
            assert other.may_publish(theirs), theirs
        # What a box answers to a trigger is a verdict too.
        assert box.may_publish(f"{ROOT}/{BOX}/answers/{CONTROLLER}/1")
        assert not other.may_publish(f"{ROOT}/{BOX}/answers/{CONTROLLER}/1")


@pytest.mark.parametrize("topic", HEARD, ids=lambda topic: topic.name)
def test_a_command_reaches_the_box_from_the_role_that_gives_it_alone(broker: RenderedBroker, topic: Topic) -> None:
    place = address(topic)
    giving, others = (CONSUMER, CONTROLLER) if topic.name == "replay" else (CONTROLLER, CONSUMER)
    with broker.client(BOX) as box, broker.client(giving) as may, broker.client(others) as may_not, broker.client(OTHER) as other:
        box.listen(place)
        assert not may_not.may_publish(place, b"forged")
        assert not other.may_publish(place, b"forged")
        assert may.may_publish(place, b"meant")
        assert box.heard_until(b"meant") == [place]


def test_who_listens_to_everything_hears_the_topics_of_its_role_alone(broker: RenderedBroker) -> None:
    with broker.client(BOX) as box, broker.client(CONSUMER) as consumer, broker.client(CONTROLLER) as controller:
        consumer.listen("#")
        consumer.listen("$SYS/#")
        assert controller.may_publish(f"{ROOT}/cell-01/trigger", b"secret")
        assert box.may_publish(f"{ROOT}/{BOX}/answers/{CONTROLLER}/1", b"secret")
        assert box.may_publish(f"{ROOT}/cell-01/verdict", b"last")
        heard = consumer.heard_until(b"last")
        assert set(heard) <= {
            address(topic, station=station, box=name) for topic in TOLD for station in ("cell-01", "cell-07") for name in (BOX, OTHER)
        }


def test_an_answer_reaches_the_controller_that_asked(broker: RenderedBroker) -> None:
    with broker.client(BOX) as box, broker.client(CONTROLLER) as controller:
        controller.listen(f"{ROOT}/{BOX}/answers/{CONTROLLER}/#")
        assert box.may_publish(f"{ROOT}/{BOX}/answers/somebody/1", b"no")
        assert box.may_publish(f"{ROOT}/{BOX}/answers/{CONTROLLER}/1", b"yes")
        assert controller.heard_until(b"yes") == [f"{ROOT}/{BOX}/answers/{CONTROLLER}/1"]


def test_the_last_will_of_the_box_is_published(broker: RenderedBroker) -> None:
    place = f"{ROOT}/{BOX}/status"
    with broker.client(CONSUMER) as consumer:
        consumer.listen(place)
        with broker.client(BOX, will=place) as box:
            assert box.answer() == "Success"
            box.drop()
            assert consumer.heard_until(b"gone")[-1] == place


def test_what_the_broker_took_survives_its_end(tmp_path: Path) -> None:
    broker = RenderedBroker(tmp_path)
    place = f"{ROOT}/{BOX}/info"
    with broker.running(), broker.client(BOX) as box:
        assert box.may_publish(place, b"kept", retain=True)
    with broker.running(), broker.client(CONSUMER) as consumer:
        consumer.listen(place)
        assert consumer.heard_until(b"kept") == [place]


def test_the_output_of_a_box_delivers_and_a_consumer_has_all_its_topics(broker: RenderedBroker, tmp_path: Path) -> None:
    (tmp_path / "mqtt").write_text(f"{BOX}\n")
    output = MqttOutput(host="localhost", port=broker.port, username=BOX, password_file=tmp_path / "mqtt")
    sink = MqttSink(output, root=ROOT, box=BOX, stations=("cell-01", "cell-02"), triggered=("cell-01",), info={})
    sent = [inspection(number, station="cell-01") for number in range(5)]
    with broker.client(CONSUMER) as consumer, closing(sink):
        consumer.listen(f"{ROOT}/#")
        assert list(sink.deliver(sent)) == sent
        heard = consumer.heard_until(encode(sent[-1]))
    assert heard.count(f"{ROOT}/cell-01/verdict") == len(sent)
    assert {f"{ROOT}/{BOX}/status", f"{ROOT}/{BOX}/info", f"{ROOT}/cell-01/state"} <= set(heard)
