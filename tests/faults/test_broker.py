from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

from edge.errors import DeliveryError
from edge.message import encode
from edge.sinks.mqtt.sink import MqttSink
from firmware_config.outputs import MqttOutput
from tests.faults.broker import DROP, GARBAGE, NEVER, NOISE, OK, Answer, Goodbye, Greeting, Late, ScriptedBroker, read_answer, said
from tests.support.inspections import inspection
from tests.support.repository import ROOT

CONNECT_5 = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x04test"


def published(message_id: int, payload: bytes = b"{}") -> bytes:
    body = b"\x00\x09s/verdict" + message_id.to_bytes(2, "big") + b"\x00" + payload
    return bytes([0x32, len(body)]) + body


def sink_for(port: int) -> MqttSink:
    output = MqttOutput(host="127.0.0.1", port=port, ack_timeout_s=0.5)
    return MqttSink(output, root="plant", box="box1", stations=("s1",), info={})


def send(sink: MqttSink, number: int) -> None:
    list(sink.deliver([inspection(number)]))


def answered(greeting: Greeting, *packets: bytes, script: list[Answer]) -> bytes:
    """All that the broker says to a client that sends these packets, as long as it says something within half a second."""
    got = b""
    with ScriptedBroker(script, protocol="5", greeting=greeting) as broker, socket.create_connection(("127.0.0.1", broker.port)) as client:
        client.settimeout(0.5)
        client.sendall(b"".join(packets))
        try:
            while part := client.recv(4096):
                got += part
        except TimeoutError:
            pass
    return got


ON_THE_WIRE: dict[Answer, bytes] = {
    OK: b"\x40\x03\x00\x07\x00",
    0x97: b"\x40\x03\x00\x07\x97",
    Late(0.1): b"\x40\x03\x00\x07\x00",
    NEVER: b"",
    DROP: b"",
    GARBAGE: NOISE,
    Goodbye(0x8B): b"\xe0\x01\x8b",
}


@pytest.mark.parametrize(("answer", "expected"), ON_THE_WIRE.items(), ids=map(said, ON_THE_WIRE))
def test_each_answer_is_what_goes_over_the_wire(answer: Answer, expected: bytes) -> None:
    welcome = b"\x20\x03\x00\x00\x00"
    assert answered(Greeting(), CONNECT_5, published(7), script=[answer]) == welcome + expected


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        (Greeting(0x87), b"\x20\x03\x00\x87\x00"),
        (Greeting(session_present=True), b"\x20\x03\x01\x00\x00"),
        (Greeting(receive_maximum=1), b"\x20\x06\x00\x00\x03\x21\x00\x01"),
        (Greeting(maximum_packet_bytes=64), b"\x20\x08\x00\x00\x05\x27\x00\x00\x00\x40"),
        (Greeting(garbage=True), NOISE),
    ],
)
def test_each_greeting_is_what_goes_over_the_wire(greeting: Greeting, expected: bytes) -> None:
    assert answered(greeting, CONNECT_5, script=[]) == expected


@pytest.mark.parametrize(
    ("greeting", "second", "code"),
    [
        (Greeting(receive_maximum=1), published(8), b"\xe0\x01\x93"),
        (Greeting(maximum_packet_bytes=20), published(8, bytes(20)), b"\xe0\x01\x95"),
    ],
    ids=["too many under way", "too large"],
)
def test_a_client_that_breaks_a_limit_is_sent_away(greeting: Greeting, second: bytes, code: bytes) -> None:
    assert answered(greeting, CONNECT_5, published(7), second, script=[NEVER, NEVER]).endswith(code)


def test_a_box_keeps_to_a_receive_maximum_of_one() -> None:
    with ScriptedBroker([], protocol="5", greeting=Greeting(receive_maximum=1)) as broker:
        sink = sink_for(broker.port)
        for number in range(20):
            send(sink, number)
        sink.close()
    assert (broker.offered, broker.goodbyes) == (20, 0)


@pytest.mark.parametrize("answer", [GARBAGE, Goodbye(0x8B), DROP, 0x87], ids=said)
def test_a_verdict_that_met_a_bad_answer_goes_through_the_next_time(answer: Answer) -> None:
    with ScriptedBroker([answer], protocol="5") as broker:
        sink = sink_for(broker.port)
        with pytest.raises(DeliveryError):
            send(sink, 1)
        send(sink, 1)
        sink.close()
        assert broker.accepted.get(timeout=5) == encode(inspection(1))
    assert broker.offered == 2


@pytest.mark.parametrize("text", ["ok", "never", "drop", "garbage", "late:3", "disconnect:0x8b", "0x10"])
def test_the_command_line_says_answers_as_the_broker_does(text: str) -> None:
    assert said(read_answer(text)) == text


@pytest.mark.long
def test_the_command_serves_and_says_what_happens() -> None:
    command = [sys.executable, "-m", "tests.faults.broker", "--port", "0", "--answer", "0x87", "--answer", "drop"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        sink = sink_for(port)
        for _ in range(2):
            with pytest.raises(DeliveryError):
                send(sink, 1)
        send(sink, 1)
        sink.close()
        process.send_signal(signal.SIGTERM)
        told = process.stdout.read()
    assert process.returncode == 0
    assert [line.rpartition(": ")[2] for line in told.splitlines() if line.startswith("verdict")] == ["0x87", "drop", "ok"]
