"""A real broker with the files that are rendered for a box, and clients that log in to it by their name."""

from __future__ import annotations

import contextlib
import os
import queue
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from firmware_config.board import read_board
from firmware_config.box import Box, parse_box
from firmware_config.box.broker import LocalBroker
from firmware_config.system_files import render_files
from tests.support.clients import end
from tests.support.golden_boxes import BOXES
from tests.support.mosquitto import accepts, free_port, program, write_certificates

WAIT_S = 20.0


class RenderedBroker:
    """The broker of the box `cpu-rtsp` on free ports; each user's password is its name."""

    def __init__(self, folder: Path) -> None:
        text = (BOXES / "cpu-rtsp/box.toml").read_text(encoding="utf-8")
        text = text.replace('kind = "local"', f'kind = "local"\nport = {free_port()}').replace("port = 8883", f"port = {free_port()}")
        self.box: Box = parse_box(text.encode(), source="box.toml")
        assert isinstance(self.box.broker, LocalBroker)
        assert self.box.broker.plant is not None
        self.port, self.plant_port = self.box.broker.port, self.box.broker.plant.port
        self.files = render_files(self.box, read_board(self.box.box.board))
        self._folder = folder
        write_certificates(folder)
        (folder / "broker.pem").rename(folder / "broker.crt")
        users = [self.box.box.name, *(user.name for user in self.box.broker.users)]
        for number, name in enumerate(users):
            new = [] if number else ["-c"]
            command = [program("mosquitto_passwd"), *new, "-b", str(folder / "broker-users"), name, name]
            subprocess.run(command, check=True, capture_output=True, timeout=WAIT_S)
        (folder / "acl").write_text(self.files["etc/mosquitto/kotoba.acl"])
        conf = self.files["etc/mosquitto/kotoba.conf"]
        for path in ("/run/credentials/mosquitto.service/", "/var/lib/mosquitto/"):
            assert path in conf
            conf = conf.replace(path, f"{folder}/")
        if os.geteuid() == 0:
            conf += "user root\n"  # else it gives up root and cannot read here; on a box it begins without
        (folder / "mosquitto.conf").write_text(conf)

    @contextlib.contextmanager
    def running(self) -> Iterator[RenderedBroker]:
        """Run it until the block ends."""
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen([program("mosquitto"), "-c", str(self._folder / "mosquitto.conf")], stdout=log, stderr=log)
        pause, until = threading.Event(), time.monotonic() + WAIT_S
        try:
            while not (accepts(self.port) and accepts(self.plant_port)):
                said = (self._folder / "log").read_text()
                assert process.poll() is None, f"mosquitto ended: {said}"
                assert time.monotonic() < until, f"mosquitto does not accept connections: {said}"
                pause.wait(0.02)
            yield self
        finally:
            process.terminate()
            process.wait(WAIT_S)

    @contextlib.contextmanager
    def client(self, name: str | None, *, password: str | None = None, will: str | None = None) -> Iterator[LoggedIn]:
        """A client by this name: the box itself on its own port, others from the plant with TLS. None: without a name."""
        itself = name == self.box.box.name
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False)
        if name is not None:
            client.username_pw_set(name, password or name)
        if not itself:
            client.tls_set_context(ssl.create_default_context(cafile=str(self._folder / "ca.pem")))
        if will is not None:
            client.will_set(will, b"gone", qos=1, retain=True)
        logged_in = LoggedIn(client)
        client.connect("127.0.0.1", self.port if itself else self.plant_port)
        client.loop_start()
        try:
            yield logged_in
        finally:
            end(client)


class LoggedIn:
    """A client; `answer` is what the broker said to its login."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._answers: queue.SimpleQueue[ReasonCode] = queue.SimpleQueue()
        self._published: queue.SimpleQueue[ReasonCode] = queue.SimpleQueue()
        self._subscribed: queue.SimpleQueue[list[ReasonCode]] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[MQTTMessage] = queue.SimpleQueue()
        client.on_connect = lambda _client, _data, _flags, reason, _properties: self._answers.put(reason)
        client.on_publish = lambda _client, _data, _id, reason, _properties: self._published.put(reason)
        client.on_subscribe = lambda _client, _data, _id, reasons, _properties: self._subscribed.put(reasons)
        client.on_message = lambda _client, _data, message: self._messages.put(message)

    def answer(self) -> str:
        """What the broker says to the login."""
        return str(self._answers.get(timeout=WAIT_S))

    def may_publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> bool:
        """Publish; whether the broker took it."""
        self._client.publish(topic, payload, qos=1, retain=retain)
        return not self._published.get(timeout=WAIT_S).is_failure

    def listen(self, topic: str) -> None:
        """Subscribe."""
        self._client.subscribe(topic, qos=1)
        self._subscribed.get(timeout=WAIT_S)

    def heard_until(self, payload: bytes) -> list[str]:
        """The topics of the messages that came, up to the one with this payload."""
        topics = []
        while True:
            message = self._messages.get(timeout=WAIT_S)
            topics.append(message.topic)
            if message.payload == payload:
                return topics

    def drop(self) -> None:
        """Lose the connection without a goodbye."""
        sock = self._client.socket()
        assert sock is not None
        sock.close()
