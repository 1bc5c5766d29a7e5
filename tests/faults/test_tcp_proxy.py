from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.tcp_proxy import DOWN, UP, TcpProxy, command
from tests.support.repository import ROOT

PATIENCE_S = 10.0
SHORT_S = 0.2
"""So long nothing must come."""


@contextmanager
def echo() -> Iterator[int]:
    """A server that says everything back; gives its port."""

    def serve(peer: socket.socket) -> None:
        with peer:
            try:
                while data := peer.recv(65536):
                    peer.sendall(data)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                break
            talks.append(threading.Thread(target=serve, args=(peer,)))
            talks[-1].start()

    talks: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for talk in talks:
        talk.join()


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    with echo() as port, TcpProxy(("127.0.0.1", port)) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as client:
        assert said_back(client, b"hello") == b"hello"
        yield client


def heard(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (part := client.recv(65536)):
        data += part
    return data


def said_back(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return heard(client, len(data))


def is_silent(client: socket.socket) -> bool:
    client.settimeout(SHORT_S)
    try:
        return client.recv(1) == b"?"
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE_S)


def test_a_good_link_passes_every_byte(proxy: TcpProxy, client: socket.socket) -> None:
    data = bytes(range(256)) * 4_000
    threading.Thread(target=client.sendall, args=(data,)).start()
    assert heard(client, len(data)) == data
    assert proxy.accepted == 1


@pytest.mark.parametrize("directions", [(), (UP,), (DOWN,)], ids=["both", "up", "down"])
def test_what_a_black_hole_holds_passes_once_it_is_healed(proxy: TcpProxy, client: socket.socket, directions: tuple[str, ...]) -> None:
    passed = proxy.passed
    proxy.hold(*directions)
    client.sendall(b"held")
    until = time.monotonic() + PATIENCE_S
    while directions == (DOWN,) and proxy.passed == passed and time.monotonic() < until:
        threading.Event().wait(0.01)
    assert is_silent(client)
    assert proxy.passed - passed == (4 if directions == (DOWN,) else 0)
    proxy.heal()
    assert heard(client, 4) == b"held"


def test_a_black_hole_takes_new_connections_and_says_nothing(proxy: TcpProxy) -> None:
    proxy.hold()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as late:
        late.sendall(b"late")
        assert is_silent(late)
        proxy.heal()
        assert heard(late, 4) == b"late"


def test_a_reset_is_felt(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_half_open_connection_takes_everything_and_answers_nothing(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.half_open()
    client.sendall(b"anybody there?")
    assert is_silent(client)


def test_a_connection_is_cut_after_so_many_bytes(proxy: TcpProxy, client: socket.socket) -> None:
    passed = proxy.passed
    proxy.cut_after(3)
    client.sendall(b"never all of it")
    with pytest.raises(ConnectionResetError):
        heard(client, 15)
    assert proxy.passed - passed == 3


def test_a_delayed_and_a_throttled_link_take_their_time(proxy: TcpProxy, client: socket.socket) -> None:
    began = time.monotonic()
    proxy.delay(SHORT_S)
    assert said_back(client, b"x") == b"x"
    proxy.heal()
    proxy.throttle(10_000)
    assert said_back(client, bytes(2_000)) == bytes(2_000)
    assert time.monotonic() - began >= 2 * SHORT_S + 0.1


def test_what_is_no_fault_is_one_sentence(proxy: TcpProxy) -> None:
    with pytest.raises(ValueError, match="'burn' is no fault of a link: give one of black-hole"):
        command(proxy, "burn")


def test_a_port_that_is_taken_is_said(proxy: TcpProxy) -> None:
    with pytest.raises(OSError, match="in use"), TcpProxy(("127.0.0.1", 9), port=proxy.port):
        pass


@pytest.mark.long
def test_the_command_obeys_its_schedule_and_its_input() -> None:
    with echo() as port:
        arguments = ["--to", f"127.0.0.1:{port}", "--at", "0:black-hole"]
        with subprocess.Popen(
            [sys.executable, "-m", "tests.faults.tcp_proxy", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            at = int(process.stdout.readline().rpartition(":")[2])
            assert process.stdout.readline() == "black-hole: done\n"
            with socket.create_connection(("127.0.0.1", at), timeout=PATIENCE_S) as client:
                client.sendall(b"x")
                assert is_silent(client)
                process.stdin.write("heal\n")
                assert heard(client, 1) == b"x"
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
