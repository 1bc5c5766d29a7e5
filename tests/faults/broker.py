"""A broker that answers each verdict as its script says: the nasty ones that no real broker can be made to be.

`python -m tests.faults.broker --port 1883 --answer never --answer 0x97 --answer late:3` serves until SIGINT or SIGTERM. Each verdict (a
message on a topic that ends with /verdict) takes the next answer; after the last one all is well. What happens is printed, a line each.
"""

from __future__ import annotations

import argparse
import asyncio
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14
RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE = 0x21, 0x27
"""MQTT 5, 3.2.2.3: properties of the greeting."""
TOO_MANY_UNDER_WAY, TOO_LARGE = 0x93, 0x95

OK = 0x00
NEVER = "never acknowledges"
DROP = "drops the connection before it acknowledges"
GARBAGE = "answers with what is no MQTT"
NOISE = b"\xf0\xff\xff\xff\xff\x7fHTTP/1.1 400 Bad Request\r\n\r\n"


@dataclass(frozen=True)
class Late:
    """Acknowledges with success after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Goodbye:
    """Sends a DISCONNECT with this reason code (MQTT 5) and closes the connection."""

    code: int


Answer = int | str | Late | Goodbye
"""A number is the reason code of the acknowledgement."""


@dataclass(frozen=True)
class Greeting:
    """How a client is received. The limits are those of MQTT 5, and a client that breaks one is sent away.

    `session_present` claims to know a session of the client; that it is never kept is what "session lost" means.
    """

    code: int = 0
    receive_maximum: int | None = None
    maximum_packet_bytes: int | None = None
    session_present: bool = False
    garbage: bool = False

    def packet(self, *, five: bool) -> bytes:
        """The CONNACK."""
        if self.garbage:
            return NOISE
        properties = b""
        if self.receive_maximum is not None:
            properties += bytes([RECEIVE_MAXIMUM]) + self.receive_maximum.to_bytes(2, "big")
        if self.maximum_packet_bytes is not None:
            properties += bytes([MAXIMUM_PACKET_SIZE]) + self.maximum_packet_bytes.to_bytes(4, "big")
        body = bytes([self.session_present, self.code]) + (bytes([len(properties)]) + properties if five else b"")
        return bytes([CONNACK << 4, len(body)]) + body


WELCOME = Greeting()


class ScriptedBroker:
    """Speaks just enough MQTT 5 or 3.1.1. Each verdict takes the next answer of `script`; after the last one all is well.

    `accepted` gets the payload of each verdict that was acknowledged with success; `offered` counts all of them and `goodbyes` the clients
    that were sent away because they broke a limit of the greeting. `tell` is called with each thing that happens, in words.
    """

    def __init__(
        self,
        script: Sequence[Answer],
        *,
        protocol: str,
        greeting: Greeting = WELCOME,
        port: int = 0,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._script = list(script)
        self._five = protocol == "5"
        self._greeting = greeting
        self._tell = tell
        self.accepted: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.offered = self.goodbyes = 0
        self.port = port
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="scripted-broker")

    def __enter__(self) -> ScriptedBroker:  # noqa: PYI034 -- Python 3.10 has no typing.Self
        self._thread.start()
        assert self._started.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._talks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        client = _Client(writer, five=self._five)
        try:
            while await self._answer(reader, client):
                await writer.drain()
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(task)
            for acknowledgement in client.later:
                acknowledgement.cancel()
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, client: _Client) -> bool:
        """Answer one packet; False ends the connection."""
        kind, body = await _packet(reader)
        limit = self._greeting.maximum_packet_bytes
        if limit is not None and len(body) + 2 > limit:
            return self._send_away(client, TOO_LARGE, f"a packet of {len(body) + 2} bytes, {limit} are allowed")
        if kind >> 4 == CONNECT:
            self._tell(f"a client comes and is greeted with {self._greeting}")
            client.write(self._greeting.packet(five=self._five))
        elif kind >> 4 == PUBLISH:
            return self._acknowledge(body, client)
        elif kind >> 4 == SUBSCRIBE:
            client.write(bytes([SUBACK << 4, 3 + self._five]) + body[:2] + bytes(self._five) + b"\x01")
        elif kind >> 4 == PINGREQ:
            client.write(bytes([PINGRESP << 4, 0]))
        return kind >> 4 != DISCONNECT

    def _acknowledge(self, body: bytes, client: _Client) -> bool:
        topic, message_id, payload = _published(body, five=self._five)
        client.under_way.add(message_id)
        limit = self._greeting.receive_maximum
        if limit is not None and len(client.under_way) > limit:
            return self._send_away(client, TOO_MANY_UNDER_WAY, f"{len(client.under_way)} messages under way, {limit} are allowed")
        answer: Answer = OK
        if topic.endswith("/verdict"):
            self.offered += 1
            answer = self._script.pop(0) if self._script else OK
            self._tell(f"verdict {self.offered} on {topic}: {said(answer)}")
            if answer == OK or isinstance(answer, Late):
                self.accepted.put(payload)
        if isinstance(answer, int):
            client.acknowledge(message_id, answer)
        elif isinstance(answer, Late):
            client.later.append(self._loop.call_later(answer.seconds, client.acknowledge, message_id, OK))
        elif isinstance(answer, Goodbye):
            client.say_goodbye(answer.code)
        elif answer == GARBAGE:
            client.write(NOISE)
        return answer != DROP and not isinstance(answer, Goodbye)

    def _send_away(self, client: _Client, code: int, why: str) -> bool:
        self.goodbyes += 1
        self._tell(f"the client is sent away: {why}")
        client.say_goodbye(code)
        return False


class _Client:
    """The broker's end of one connection."""

    def __init__(self, writer: asyncio.StreamWriter, *, five: bool) -> None:
        self.write = writer.write
        self._five = five
        self.under_way: set[bytes] = set()
        self.later: list[asyncio.TimerHandle] = []

    def acknowledge(self, message_id: bytes, code: int) -> None:
        self.under_way.discard(message_id)
        self.write(bytes([PUBACK << 4, 2 + self._five]) + message_id + bytes([code])[: self._five])

    def say_goodbye(self, code: int) -> None:
        if self._five:
            self.write(bytes([DISCONNECT << 4, 1, code]))


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return kind, await reader.readexactly(size)


def _published(body: bytes, *, five: bool) -> tuple[str, bytes, bytes]:
    """Take a PUBLISH with QoS 1 apart: topic, message id, payload."""
    end = 2 + int.from_bytes(body[:2], "big")
    topic, message_id, rest = body[2:end].decode(), body[end : end + 2], body[end + 2 :]
    if five:
        size = shift = place = 0
        while True:
            byte = rest[place]
            size |= (byte & 0x7F) << shift
            shift, place = shift + 7, place + 1
            if byte < 0x80:
                break
        rest = rest[place + size :]
    return topic, message_id, rest


WORDS: dict[str, Answer] = {"ok": OK, "never": NEVER, "drop": DROP, "garbage": GARBAGE}


def said(answer: Answer) -> str:
    """An answer as the command line takes it."""
    if isinstance(answer, int):
        return "ok" if answer == OK else f"{answer:#04x}"
    if isinstance(answer, Late):
        return f"late:{answer.seconds:g}"
    if isinstance(answer, Goodbye):
        return f"disconnect:{answer.code:#04x}"
    return next(word for word, meant in WORDS.items() if meant == answer)


def read_answer(text: str) -> Answer:
    """The answer that a word of the command line means.

    Raises:
        ValueError: it means none.
    """
    word, _, number = text.partition(":")
    if word == "late":
        return Late(float(number))
    if word == "disconnect":
        return Goodbye(int(number, 0))
    return WORDS[word] if word in WORDS else int(text, 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.broker", description=__doc__)
    parser.add_argument("--port", type=int, default=1883, help="The port on 127.0.0.1. Default: %(default)s.")
    parser.add_argument("--protocol", choices=["5", "3.1.1"], default="5", help="The version of MQTT. Default: %(default)s.")
    parser.add_argument(
        "--answer",
        action="append",
        type=read_answer,
        default=[],
        metavar="ANSWER",
        help="The answer to the next verdict; give it as often as you like. ok, never, drop (the connection), garbage, late:SECONDS, "
        "disconnect:CODE (0x8b: the server shuts down), or the reason code of the acknowledgement: 0x10 (nobody subscribes), "
        "0x87 (not authorized), 0x97 (quota exceeded). Default: ok.",
    )
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="Go through the answers so often. Default: %(default)s.")
    parser.add_argument("--greeting", type=lambda text: int(text, 0), default=0, metavar="CODE", help="Reason code of the CONNACK: 0x87.")
    parser.add_argument("--greeting-garbage", action="store_true", help="Greet with what is no MQTT.")
    parser.add_argument(
        "--receive-maximum", type=int, metavar="N", help="Allow so many messages under way. Default: 65,535, as MQTT has it."
    )
    parser.add_argument(
        "--maximum-packet-bytes", type=int, metavar="N", help="Send clients away whose packet is larger. Default: any size."
    )
    options = parser.parse_args(arguments)
    greeting = Greeting(options.greeting, options.receive_maximum, options.maximum_packet_bytes, garbage=options.greeting_garbage)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())

    def tell(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    script = options.answer * options.repeat
    with ScriptedBroker(script, protocol=options.protocol, greeting=greeting, port=options.port, tell=tell) as broker:
        tell(f"listening on 127.0.0.1:{broker.port}")
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
