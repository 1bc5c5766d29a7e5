"""A box and a plant, each in a network of its own, with a cable between them: who reaches whom, with and without a firewall.

Run it in a new network namespace: `unshare --net python -m tests.support.two_networks PLAN.json`. PLAN has the addresses of both sides, the
ports that each listens on, the file of rules or null, and the attempts. It prints which of them came through, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-m", "tests.support.two_networks"]
ANSWER_S = 3.0
"""An answer over the cable takes a millisecond; a packet that is dropped has none."""

ADDRESS_BYTES = 16


@dataclass(frozen=True)
class Attempt:
    """From an address of one side to an address and port of the other."""

    side: str
    source: str
    target: str
    port: int
    protocol: str = "tcp"


def main(arguments: Sequence[str]) -> None:
    """One of the three roles: all of it, or what runs on the plant's side."""
    match arguments:
        case ["serve", ports]:
            with _served(json.loads(ports)):
                sys.stdout.write("ready\n")
                sys.stdout.flush()
                sys.stdin.read()
        case ["try", attempts]:
            sys.stdout.write(json.dumps(_tried([Attempt(**one) for one in json.loads(attempts)])))
        case [plan]:
            sys.stdout.write(json.dumps(_carried_out(json.loads(Path(plan).read_text()))))
        case _:
            sys.exit("give PLAN.json")


def _carried_out(plan: dict[str, Any]) -> list[bool]:
    attempts = [Attempt(**one) for one in plan["attempts"]]
    away = subprocess.Popen(["unshare", "--net", *PROGRAM, "serve", "[]"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    inside = ["nsenter", f"--target={away.pid}", "--net"]
    try:
        assert away.stdout is not None
        away.stdout.readline()
        _ip("link", "add", "box0", "type", "veth", "peer", "name", "plant0", "netns", str(away.pid))
        _plugged([], "box0", plan["box"])
        _plugged(inside, "plant0", plan["plant"])
        if plan["rules"] is not None:
            subprocess.run(["nft", "-f", plan["rules"]], check=True)
        with _served(plan["box_ports"]), _served_there(inside, plan["plant_ports"]):
            ours = _tried([one for one in attempts if one.side == "box"])
            theirs = json.loads(_output([*inside, *PROGRAM, "try", json.dumps([asdict(one) for one in attempts if one.side == "plant"])]))
    finally:
        away.communicate()
    results = {"box": iter(ours), "plant": iter(theirs)}
    return [next(results[one.side]) for one in attempts]


def _plugged(inside: Sequence[str], device: str, addresses: Sequence[str]) -> None:
    for link in ("lo", device):
        subprocess.run([*inside, "ip", "link", "set", link, "up"], check=True)
    for address in addresses:
        subprocess.run([*inside, "ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else [])], check=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@contextlib.contextmanager
def _served_there(inside: Sequence[str], ports: Sequence[int]) -> Iterator[None]:
    server = subprocess.Popen([*inside, *PROGRAM, "serve", json.dumps(ports)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        yield
    finally:
        server.communicate()


@contextlib.contextmanager
def _served(ports: Sequence[int]) -> Iterator[None]:
    """Echo on these ports, TCP and UDP, of both families."""
    with contextlib.ExitStack() as closing:
        wanted = selectors.DefaultSelector()
        closing.callback(wanted.close)
        for port in ports:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                server = closing.enter_context(socket.socket(socket.AF_INET6, kind))
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
                server.bind(("::", port))
                if kind == socket.SOCK_STREAM:
                    server.listen(64)
                wanted.register(server, selectors.EVENT_READ)
        stop, stopping = socket.socketpair()
        closing.enter_context(stop)
        closing.enter_context(stopping)
        wanted.register(stopping, selectors.EVENT_READ)
        thread = threading.Thread(target=_echo, args=(wanted, stopping))
        thread.start()
        closing.callback(thread.join)
        closing.callback(stop.send, b".")
        yield


def _echo(wanted: selectors.BaseSelector, stopping: socket.socket) -> None:
    while True:
        for key, _ in wanted.select():
            server = key.fileobj
            if server is stopping or not isinstance(server, socket.socket):
                return
            if server.type == socket.SOCK_STREAM:
                server.accept()[0].close()
            else:
                datagram, asked, _, sender = server.recvmsg(64, 64)
                # From the address that was asked: the plant has many. The interface is the kernel's choice.
                address = asked[0][2][:ADDRESS_BYTES] + bytes(4)
                with contextlib.suppress(OSError):  # kept in by the firewall
                    server.sendmsg([datagram], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, address)], 0, sender)


def _tried(attempts: Sequence[Attempt]) -> list[bool]:
    with ThreadPoolExecutor(max(1, len(attempts))) as pool:
        return list(pool.map(_came_through, attempts))


def _came_through(attempt: Attempt) -> bool:
    family = socket.AF_INET6 if ":" in attempt.target else socket.AF_INET
    kind = socket.SOCK_STREAM if attempt.protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as client:
        client.settimeout(ANSWER_S)
        client.bind((attempt.source, 0))
        try:
            client.connect((attempt.target, attempt.port))
            if attempt.protocol == "udp":
                client.send(b"?")
                client.recv(64)
        except OSError:
            return False
        return True


if __name__ == "__main__":
    main(sys.argv[1:])
