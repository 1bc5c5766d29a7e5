from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import psutil
import pytest

from edge.errors import DeliveryError, NobodyListensError
from edge.message import encode, utc_text
from edge.records import Trouble
from edge.sinks import BoxStatus, BundleEvent
from edge.sinks.mqtt.presence import process_instance
from edge.sinks.mqtt.sink import MqttSink
from firmware_config.outputs import MqttOutput, MqttTls
from tests.support.consumer import Consumer, Got
from tests.support.inspections import FULL, inspection
from tests.support.mosquitto import USER, Mosquitto, free_port, write_certificates
from tests.support.sample_records import MOMENT

WAYS = list(product(["5", "3.1.1"], [False, True]))
WAY_NAMES = [f"MQTT {protocol} {'TLS' if tls else 'plain'}" for protocol, tls in WAYS]
INFO = {"bundle": "sha256:00", "version": "1"}


def settings(broker: Mosquitto, protocol: str = "5", **changes: object) -> MqttOutput:
    given = {"tls": broker.tls, "username": broker.password_file and USER, "password_file": broker.password_file, **changes}
    return MqttOutput(host="127.0.0.1", port=broker.port, protocol=protocol, keepalive_s=2, ack_timeout_s=5, **given)


def sink_for(output: MqttOutput, *stations: str) -> MqttSink:
    return MqttSink(output, root="plant/line1", box="box1", stations=stations or ("s1",), info=INFO)


@pytest.fixture(params=WAYS, ids=WAY_NAMES)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Mosquitto, str]]:
    protocol, tls = request.param
    broker = Mosquitto(tmp_path / "broker", tls=tls, password=True)
    broker.start()
    yield broker, protocol
    broker.kill()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def sinks() -> Iterator[list[MqttSink]]:
    sinks: list[MqttSink] = []
    yield sinks
    for sink in sinks:
        sink.close()


def test_verdicts_arrive_byte_for_byte_and_in_order(way: tuple[Mosquitto, str], sinks: list[MqttSink]) -> None:
    broker, protocol = way
    sink = sink_for(settings(broker, protocol), FULL.station)
    sinks.append(sink)
    sent = [replace(FULL, id=f"i{seq}", seq=seq) for seq in range(1, 21)]

    with Consumer(broker, "plant/line1/+/verdict", protocol=protocol) as consumer:
        for one in sent:
            list(sink.deliver([one]))
        got = [consumer.next() for _ in sent]

    assert [message.payload for message in got] == [encode(one) for one in sent]
    assert {(message.topic, message.retain) for message in got} == {(f"plant/line1/{FULL.station}/verdict", False)}
    if protocol == "5":
        assert got[0].user == {"schema": "kotoba.inspection/1", "id": "i1", "epoch": "e1", "seq": "1", "decision": "NG"}


def test_who_comes_later_finds_status_info_and_state(way: tuple[Mosquitto, str], sinks: list[MqttSink]) -> None:
    broker, protocol = way
    sink = sink_for(settings(broker, protocol, require_subscriber=False), "s1", "s2")
    sinks.append(sink)
    sink.connect()
    list(sink.deliver([replace(inspection(1), epoch="e", seq=1)]))
    sink.connect()

    with Consumer(broker, "plant/line1/#", protocol=protocol) as consumer:
        got = {message.topic: message for message in (consumer.next() for _ in range(4))}

    assert all(message.retain for message in got.values())
    status = json.loads(got["plant/line1/box1/status"].payload)
    assert (status.keys(), status["state"]) == ({"state", "since"}, "online")
    assert json.loads(got["plant/line1/box1/info"].payload) == {
        "schema": "kotoba.inspection/1", "box": "box1", "instance": process_instance(), "stations": ["s1", "s2"], **INFO,
    }  # fmt: skip
    state = json.loads(got["plant/line1/s1/state"].payload)
    assert (state["last"]["id"], state["last"]["seq"], state["counts"]["OK"]) == ("s1-1", 1, 1)
    assert json.loads(got["plant/line1/s2/state"].payload)["last"] is None


def test_what_happens_to_a_bundle_is_an_event_and_info_names_the_one_that_judges(broker: Mosquitto, sinks: list[MqttSink]) -> None:
    sink = sink_for(settings(broker))
    sinks.append(sink)
    sink.replays.tell(BundleEvent(FULL.captured_at, "good", "starter", 4, "sha256:ab", "12 golden verdicts reproduced"))
    sink.set_info({"bundle": "sha256:ab", "version": "1"})

    with Consumer(broker, "plant/line1/box1/+") as consumer:
        sink.connect()
        got = {message.topic.rpartition("/")[2]: message for message in (consumer.next() for _ in range(3))}

    assert json.loads(got["events"].payload) == {
        "event": "bundle", "at": "2025-07-01T03:04:05.678Z", "news": "good", "name": "starter", "version": 4, "digest": "sha256:ab",
        "why": "12 golden verdicts reproduced",
    }  # fmt: skip
    assert (got["events"].retain, json.loads(got["info"].payload)["bundle"]) == (False, "sha256:ab")


def is_status(state: str) -> Callable[[Got], bool]:
    return lambda got: got.topic.endswith("/status") and json.loads(got.payload)["state"] == state


def cut_connections_to(port: int) -> None:
    """Cut this process's side of its connections, as a box that loses its power would: without goodbye."""
    for connection in psutil.Process().net_connections("tcp"):
        if connection.raddr and connection.raddr.port == port and connection.fd >= 0:
            with socket.socket(fileno=connection.fd) as sock:
                sock.shutdown(socket.SHUT_RDWR)
                sock.detach()


def test_a_lost_connection_is_announced_as_offline_and_mended_by_the_next_contact(
    way: tuple[Mosquitto, str], sinks: list[MqttSink]
) -> None:
    broker, protocol = way
    sink = sink_for(settings(broker, protocol))
    sinks.append(sink)
    sink.connect()
    cut_connections_to(broker.port)

    with Consumer(broker, "plant/line1/#", protocol=protocol) as consumer:
        consumer.until(is_status("offline"))
        list(sink.deliver([inspection(1)]))
        consumer.until(is_status("online"))
        assert consumer.until(lambda got: got.topic.endswith("/verdict")).payload == encode(inspection(1))


def test_closing_says_offline(way: tuple[Mosquitto, str]) -> None:
    broker, protocol = way
    sink = sink_for(settings(broker, protocol))
    with Consumer(broker, "plant/line1/box1/status", protocol=protocol) as consumer:
        sink.connect()
        consumer.until(is_status("online"))
        sink.close()
        consumer.until(is_status("offline"))


def test_a_status_that_was_set_goes_out_with_the_next_contact(broker: Mosquitto, sinks: list[MqttSink]) -> None:
    sink = sink_for(settings(broker))
    sinks.append(sink)
    with Consumer(broker, "plant/line1/box1/status") as consumer:
        sink.connect()
        sink.set_status(BoxStatus("degraded", MOMENT, "station s1: the folder is gone", ("s1",)))
        sink.connect()
        got = consumer.until(is_status("degraded"))

    said = {"state": "degraded", "since": utc_text(MOMENT), "detail": "station s1: the folder is gone", "stations": ["s1"]}
    assert json.loads(got.payload) == said


def test_reaching_a_broker_touches_no_topic(way: tuple[Mosquitto, str], sinks: list[MqttSink]) -> None:
    broker, protocol = way
    box = sink_for(settings(broker, protocol))
    sinks.append(box)
    box.connect()
    with Consumer(broker, "plant/#", protocol=protocol) as consumer:
        for _ in range(3):
            consumer.next()  # what is retained
        MqttSink(settings(broker, protocol), root="plant/line1", box="box1-doctor", stations=("s1",), info=INFO).reach()
        box.set_troubles("s1", (Trouble("camera_stalled", MOMENT, "it hangs"),))
        box.connect()
        assert consumer.next().topic == "plant/line1/s1/state"


def test_while_nobody_listens_the_status_says_so(broker: Mosquitto, sinks: list[MqttSink]) -> None:
    now = [0.0]
    sink = MqttSink(settings(broker), root="plant/line1", box="box1", stations=("s1",), info=INFO, clock=lambda: now[0])
    sinks.append(sink)
    with pytest.raises(NobodyListensError) as nobody:
        list(sink.deliver([inspection(1)]))
    sink.set_status(BoxStatus("degraded", MOMENT, str(nobody.value), ("s1",)))
    with Consumer(broker, "plant/line1/box1/status") as consumer:
        now[0] = 2.0
        with pytest.raises(NobodyListensError):
            list(sink.deliver([inspection(1)]))
        got = consumer.until(is_status("degraded"))
    assert json.loads(got.payload)["detail"] == str(nobody.value)


def test_an_address_of_a_kind_that_this_kernel_lacks_is_passed_over(
    broker: Mosquitto, sinks: list[MqttSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(family, socket.SOCK_STREAM, 6, "", ("127.0.0.1", broker.port)) for family in (socket.AF_APPLETALK, socket.AF_INET)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    sink = sink_for(settings(broker))
    sinks.append(sink)
    sink.connect()


def test_waiting_for_the_broker_shows(sinks: list[MqttSink]) -> None:
    """A peer that takes a connection and says nothing: so the deadline is felt, and the watchdog sees that the sink waits."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        sink = sink_for(MqttOutput(host="127.0.0.1", port=deaf.getsockname()[1]))
        sinks.append(sink)
        with pytest.raises(DeliveryError, match=r"no answer in time: if this port speaks TLS, give \[outputs.mqtt.tls\]") as refusal:
            sink.connect()
    assert sink.waits() >= 8
    assert is_one_sentence(refusal.value)


def test_a_peer_that_says_nothing_to_tls_is_given_up(sinks: list[MqttSink], tmp_path: Path) -> None:
    write_certificates(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        tls = MqttTls(ca_file=tmp_path / "ca.pem")
        sink = sink_for(MqttOutput(host="127.0.0.1", port=deaf.getsockname()[1], tls=tls, keepalive_s=3_600))
        sinks.append(sink)
        with pytest.raises(DeliveryError, match="timed out"):
            sink.connect()


def test_plain_text_to_a_port_that_speaks_tls_is_said(sinks: list[MqttSink], tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", tls=True, password=True)
    broker.start()
    sink = sink_for(settings(broker).model_copy(update={"tls": None}))
    sinks.append(sink)
    with pytest.raises(DeliveryError, match=r"if this port speaks TLS, give \[outputs.mqtt.tls\]"):
        sink.connect()
    broker.kill()


def test_what_is_wrong_with_a_camera_stands_in_the_state_of_its_station_until_it_is_over(broker: Mosquitto, sinks: list[MqttSink]) -> None:
    sink = sink_for(settings(broker), "s1", "s2")
    sinks.append(sink)
    trouble = Trouble("camera_unreachable", MOMENT, "the folder /pictures cannot be read: mount it again")

    with Consumer(broker, "plant/line1/s1/state") as consumer:
        sink.set_troubles("s1", (trouble,))
        sink.connect()
        out = json.loads(consumer.until(lambda got: b"unreachable" in got.payload).payload)
        sink.set_troubles("s1", ())
        sink.connect()
        back = json.loads(consumer.until(lambda got: b"unreachable" not in got.payload).payload)

    assert out["camera"] == "unreachable"
    assert out["troubles"] == [{"code": "camera_unreachable", "since": "2026-05-04T03:02:01.500Z", "detail": trouble.detail}]
    assert (back["camera"], back["troubles"]) == ("unknown", [])


def is_one_sentence(err: Exception) -> bool:
    text = str(err)
    return "\n" not in text and len(text) < 300 and "127.0.0.1" in text


def test_a_wrong_password_is_refused_and_not_called_connected(way: tuple[Mosquitto, str], sinks: list[MqttSink], tmp_path: Path) -> None:
    broker, protocol = way
    (tmp_path / "wrong").write_text("open barley")
    sink = sink_for(settings(broker, protocol, password_file=tmp_path / "wrong"))
    sinks.append(sink)

    for contact in (sink.connect, lambda: list(sink.deliver([inspection(1)])), sink.connect):
        with pytest.raises(DeliveryError, match="refused: Not authorized: check user, password and protocol") as refusal:
            contact()
        assert is_one_sentence(refusal.value)


@pytest.mark.parametrize("way", [("5", True), ("3.1.1", True)], ids=["MQTT 5", "MQTT 3.1.1"], indirect=True)
def test_a_broker_whose_authority_we_do_not_trust_is_refused(way: tuple[Mosquitto, str], sinks: list[MqttSink], tmp_path: Path) -> None:
    broker, protocol = way
    (tmp_path / "other").mkdir()
    write_certificates(tmp_path / "other")
    sink = sink_for(settings(broker, protocol, tls={"ca_file": tmp_path / "other" / "ca.pem"}))
    sinks.append(sink)

    with pytest.raises(DeliveryError, match="certificate verify failed") as refusal:
        sink.connect()

    assert is_one_sentence(refusal.value)


def test_a_broker_that_is_not_there_is_one_clear_sentence(broker: Mosquitto, sinks: list[MqttSink]) -> None:
    sink = sink_for(settings(broker).model_copy(update={"port": free_port()}))
    sinks.append(sink)
    with pytest.raises(DeliveryError, match="check host, port, TLS files") as refusal:
        sink.connect()
    assert is_one_sentence(refusal.value)


def test_that_nobody_listens_is_told_by_mqtt_5(broker: Mosquitto, sinks: list[MqttSink]) -> None:
    sink = sink_for(settings(broker))
    sinks.append(sink)
    with pytest.raises(NobodyListensError, match="start the consumer"):
        list(sink.deliver([inspection(1)]))
    with Consumer(broker, "plant/line1/s1/verdict") as consumer:
        list(sink.deliver([inspection(1)]))
        assert consumer.next().payload == encode(inspection(1))


@pytest.mark.parametrize(("protocol", "required"), [("5", False), ("3.1.1", True)])
def test_that_nobody_listens_is_accepted_where_it_is_not_asked_or_cannot_be_told(
    broker: Mosquitto,
    sinks: list[MqttSink],
    protocol: str,
    required: bool,  # noqa: FBT001
) -> None:
    sink = sink_for(settings(broker, protocol, require_subscriber=required))
    sinks.append(sink)
    list(sink.deliver([inspection(1)]))


def test_a_broker_that_was_restarted_gets_what_comes_next(broker: Mosquitto, sinks: list[MqttSink]) -> None:
    sink = sink_for(settings(broker, "3.1.1"))
    sinks.append(sink)
    list(sink.deliver([inspection(1)]))
    broker.kill()
    with pytest.raises(DeliveryError):
        list(sink.deliver([inspection(2)]))
    broker.start()
    with Consumer(broker, "plant/line1/s1/verdict", protocol="3.1.1") as consumer:
        list(sink.deliver([inspection(2)]))
        assert consumer.next().payload == encode(inspection(2))


def test_closing_from_another_thread_ends_a_sink_in_use(broker: Mosquitto) -> None:
    sink = sink_for(settings(broker))
    got_some, failed = threading.Event(), threading.Event()

    def deliver_for_ever() -> None:
        try:
            while True:
                list(sink.deliver([inspection(1)]))
        except DeliveryError:
            failed.set()

    def note(_: Got) -> None:
        got_some.set()

    with Consumer(broker, "plant/line1/s1/verdict", on_message=note):
        thread = threading.Thread(target=deliver_for_ever)
        thread.start()
        assert got_some.wait(20)
        sink.close()
        assert failed.wait(20)
        thread.join()
