"""The demo's broker, which runs in this process, and a subscriber that has only the broker's port and a topic."""

from __future__ import annotations

import asyncio
import logging
import queue
import socket
import threading
from types import TracebackType

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import DeliveryError, EdgeError
from edge.message import decode
from edge.records import Inspection

START_S = 15.0
"""The broker must run, and the subscription must be confirmed, within this time."""


class EmbeddedBroker:
    """amqtt on a free port of the loopback interface, in a thread. It speaks MQTT 3.1.1.

    Raises:
        EdgeError: on entering, the broker does not start.
    """

    def __init__(self) -> None:
        self.port = _free_port()
        self._ready = threading.Event()
        self._error: str | None = None
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()

    def __enter__(self) -> EmbeddedBroker:  # noqa: PYI034 -- typing.Self came with Python 3.11
        self._thread.start()
        if not self._ready.wait(START_S) or self._error is not None:
            msg = f"starting the embedded broker: it does not run ({self._error or 'no answer'}): pip install 'kotoba-edge[demo]'"
            raise EdgeError(msg)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as err:  # noqa: BLE001 -- the top of a thread; `__enter__` raises it
            self._error = f"{type(err).__name__}: {err}"
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        from amqtt.broker import Broker

        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.ERROR)
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await broker.start()
        self._ready.set()
        await self._stop.wait()
        await broker.shutdown()


class Subscriber:
    """Receives the verdicts of one topic.

    Raises:
        DeliveryError: on entering, the broker does not confirm the subscription.
    """

    def __init__(self, port: int, topic: str) -> None:
        self._topic = topic
        self._port = port
        self._received: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="demo-subscriber")
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Subscriber:  # noqa: PYI034 -- typing.Self came with Python 3.11
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._subscribed.wait(START_S):
            msg = f"subscribing to {self._topic} at the embedded broker: no answer for {START_S:.0f} s: run the demo again"
            raise DeliveryError(msg)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None  # it closes its own pair when it is free

    def next(self, *, timeout_s: float) -> Inspection | None:
        """The next verdict, None if none arrives in time.

        Raises:
            MessageError: what arrived is not an inspection.
        """
        try:
            return decode(self._received.get(timeout=timeout_s))
        except queue.Empty:
            return None

    def _on_connect(
        self, client: Client, _userdata: object, _flags: ConnectFlags, _code: ReasonCode, _properties: Properties | None
    ) -> None:
        client.subscribe(self._topic, qos=1)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._received.put(bytes(message.payload))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
