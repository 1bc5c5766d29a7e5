"""A TCP link that can be made bad: forwards every byte until it is told to hold, delay, throttle, cut or reset.

`python -m tests.faults.tcp_proxy --listen 1884 --to 127.0.0.1:1883 --at 10:black-hole --at 40:heal` stands between a box and its broker.
Faults come by schedule (`--at SECONDS:FAULT`), and as lines of the standard input. FAULT is one of

  black-hole        nothing passes in either direction, of new connections neither; nobody is told. What waits passes after `heal`
  black-hole-up     the same from the client to the server only; black-hole-down: from the server to the client only
  delay=SECONDS     every piece of data waits so long
  throttle=BYTES    so many bytes per second pass in each direction
  heal              back to a good link
  reset             every connection ends with a TCP reset
  half-open         the server's side of every connection ends, the client hears nothing of it
  cut-after=BYTES   every connection is reset once so many more bytes have passed
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

PIECE_BYTES = 16_384
UP, DOWN = "up", "down"
"""From the client to the server, and back."""


@dataclass(frozen=True)
class Link:
    """How a link treats what passes."""

    holds: frozenset[str] = frozenset()
    delay_s: float = 0.0
    bytes_per_s: float | None = None


GOOD = Link()


class _Connection:
    """One client and its connection to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter | None) -> None:
        self.client = client
        self.server = server
        self.bytes_left: int | None = None
        self.is_half_open = False

    def reset(self) -> None:
        for writer in (self.client, self.server):
            if writer is not None and not self.is_half_open:
                sock = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def abort(self) -> None:
        self.client.transport.abort()
        if self.server is not None:
            self.server.transport.abort()


class TcpProxy:
    """Listens on 127.0.0.1 and forwards to `target`. May be commanded from any thread while it is entered.

    `passed` counts the bytes that were handed on, in both directions; `accepted` the connections.
    """

    def __init__(self, target: tuple[str, int], *, port: int = 0) -> None:
        self._target = target
        self.port = port
        self.passed = self.accepted = 0
        self._link = GOOD
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._failed: OSError | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="tcp-proxy")

    def __enter__(self) -> TcpProxy:  # noqa: PYI034 -- Python 3.10 has no typing.Self
        self._thread.start()
        assert self._started.wait(20)
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def hold(self, *directions: str) -> None:
        """Make a black hole, in both directions unless one is named."""
        self._set(replace(self._link, holds=frozenset(directions or (UP, DOWN))))

    def delay(self, seconds: float) -> None:
        """Let each piece of data wait."""
        self._set(replace(self._link, delay_s=seconds))

    def throttle(self, bytes_per_s: float) -> None:
        """Let so many bytes per second pass."""
        self._set(replace(self._link, bytes_per_s=bytes_per_s))

    def heal(self) -> None:
        """Be a good link again; what waited passes."""
        self._set(GOOD)

    def reset(self) -> None:
        """End every connection with a TCP reset."""

        def end() -> None:
            for connection in tuple(self._connections):
                connection.reset()

        self._soon(end)

    def half_open(self) -> None:
        """End the server's side of every connection; the client hears nothing of it."""

        def end() -> None:
            for connection in self._connections:
                connection.is_half_open = True
                if connection.server is not None:
                    connection.server.transport.abort()

        self._soon(end)

    def cut_after(self, count: int) -> None:
        """Reset every connection once so many more of its bytes have passed."""

        def limit() -> None:
            for connection in self._connections:
                connection.bytes_left = count

        self._soon(limit)

    def _set(self, link: Link) -> None:
        def change() -> None:
            self._link = link
            self._changed.set()
            self._changed.clear()

        self._soon(change)

    def _soon(self, do: Callable[[], object]) -> None:
        """Do it in the proxy's thread; returns when it is done."""
        done = threading.Event()

        def whole() -> None:
            do()
            done.set()

        self._loop.call_soon_threadsafe(whole)
        assert done.wait(20)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._changed = asyncio.Event(), asyncio.Event()
        try:
            server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        except OSError as err:
            self._failed = err
            self._started.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _talk(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        connection = _Connection(client, None)
        self._connections.add(connection)
        try:
            await self._passable(UP)
            from_server, connection.server = await asyncio.open_connection(*self._target)
            await self._pump_both(connection, from_client, from_server)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(connection)
            self._tasks.discard(task)
            connection.abort()

    async def _pump_both(self, connection: _Connection, from_client: asyncio.StreamReader, from_server: asyncio.StreamReader) -> None:
        assert connection.server is not None
        up = asyncio.create_task(self._pump(connection, from_client, connection.server, UP))
        down = asyncio.create_task(self._pump(connection, from_server, connection.client, DOWN))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        if connection.is_half_open:
            while await from_client.read(PIECE_BYTES):  # it talks to nobody, and nobody answers
                pass

    async def _pump(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        while data := await reader.read(PIECE_BYTES):
            await self._passable(direction)
            await asyncio.sleep(self._link.delay_s)
            while data:
                rate = self._link.bytes_per_s
                step = len(data) if rate is None else max(1, int(rate / 20))
                if connection.bytes_left is not None:
                    step = min(step, connection.bytes_left)
                piece, data = data[:step], data[step:]
                self.passed += len(piece)  # before it may be answered
                writer.write(piece)
                await writer.drain()
                if connection.bytes_left is not None:
                    connection.bytes_left -= len(piece)
                    if connection.bytes_left <= 0:
                        connection.reset()
                        return
                if rate is not None:
                    await asyncio.sleep(len(piece) / rate)

    async def _passable(self, direction: str) -> None:
        while direction in self._link.holds:
            await self._changed.wait()


def command(proxy: TcpProxy, fault: str) -> None:
    """Do what a word of the command line says.

    Raises:
        ValueError: it is no such word.
    """
    word, _, number = fault.partition("=")
    with_number: dict[str, Callable[[float], object]] = {
        "delay": proxy.delay,
        "throttle": proxy.throttle,
        "cut-after": lambda count: proxy.cut_after(int(count)),
    }
    plain: dict[str, Callable[[], object]] = {
        "black-hole": proxy.hold,
        "black-hole-up": lambda: proxy.hold(UP),
        "black-hole-down": lambda: proxy.hold(DOWN),
        "heal": proxy.heal,
        "reset": proxy.reset,
        "half-open": proxy.half_open,
    }
    if word in with_number:
        with_number[word](float(number))
    elif fault in plain:
        plain[fault]()
    else:
        msg = f"{fault!r} is no fault of a link: give one of {', '.join([*plain, *(f'{name}=NUMBER' for name in with_number)])}"
        raise ValueError(msg)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _timed(text: str) -> tuple[float, str]:
    seconds, _, fault = text.partition(":")
    return float(seconds), fault


def main(arguments: Sequence[str] | None = None) -> int:
    """Forward until a signal comes or the standard input ends and the schedule is through."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.tcp_proxy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listen", type=int, default=0, metavar="PORT", help="The port on 127.0.0.1. Default: any that is free.")
    parser.add_argument("--to", type=_address, required=True, metavar="HOST:PORT", help="Where the bytes go.")
    parser.add_argument(
        "--at", type=_timed, action="append", default=[], metavar="SECONDS:FAULT", help="A fault so many seconds after the start."
    )
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())

    def tell(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def obey(proxy: TcpProxy, fault: str) -> None:
        try:
            command(proxy, fault)
            tell(f"{fault}: done")
        except ValueError as err:
            tell(str(err))

    def listen(proxy: TcpProxy) -> None:
        for line in sys.stdin:
            obey(proxy, line.strip())

    with TcpProxy(options.to, port=options.listen) as proxy:
        tell(f"listening on 127.0.0.1:{proxy.port}")
        threading.Thread(target=listen, args=(proxy,), daemon=True).start()
        began = time.monotonic()
        for seconds, fault in sorted(options.at):
            if ended.wait(max(0.0, seconds - (time.monotonic() - began))):
                break
            obey(proxy, fault)
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
