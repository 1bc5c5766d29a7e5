"""A broker that answers each verdict as its script says: the nasty ones that no real broker can be made to be."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Sequence

CONNECT, CONNACK, PUBLISH, PUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 12, 13, 14

OK = 0x00
NEVER = "never acknowledges"
DROP = "drops the connection before it acknowledges"
Answer = int | str


class ScriptedBroker:
    """Speaks just enough MQTT 5 or 3.1.1. Each verdict takes the next answer of `script`; after the last one all is well.

    `accepted` gets the payload of each verdict that was acknowledged with success.
    """

    def __init__(self, script: Sequence[Answer], *, protocol: str, connack: int = 0) -> None:
        self._script = list(script)
        self._five = protocol == "5"
        self._connack = connack
        self.accepted: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.offered = 0
        self.port = 0
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
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
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
        try:
            while await self._answer(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one packet; False ends the connection."""
        kind, body = await _packet(reader)
        if kind >> 4 == CONNECT:
            writer.write(bytes([CONNACK << 4, 2 + self._five, 0, self._connack]) + bytes(self._five))
        elif kind >> 4 == PUBLISH:
            return self._acknowledge(body, writer)
        elif kind >> 4 == PINGREQ:
            writer.write(bytes([PINGRESP << 4, 0]))
        return kind >> 4 != DISCONNECT

    def _acknowledge(self, body: bytes, writer: asyncio.StreamWriter) -> bool:
        topic, message_id, payload = _published(body, five=self._five)
        answer: Answer = OK
        if topic.endswith("/verdict"):
            self.offered += 1
            answer = self._script.pop(0) if self._script else OK
            if answer == OK:
                self.accepted.put(payload)
        if answer == DROP:
            return False
        if isinstance(answer, int):
            writer.write(bytes([PUBACK << 4, 2 + self._five]) + message_id + bytes([answer])[: self._five])
        return True


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
