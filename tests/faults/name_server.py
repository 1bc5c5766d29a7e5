"""A name server that answers or stays silent, and writes down what it is asked: who calls home must first look up where home is.

`python -m tests.faults.name_server --log FILE [--silent] [--timeout S] COMMAND...` runs a command in a network of its own with nothing but
loopback and this name server, and ends with the command's exit code.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PORT = 53
HEADER_BYTES = 12
NO_SUCH_NAME = 0x8183
"""RFC 1035, 4.1.1: a response, recursion available, no such name."""
INSIDE = "NAME_SERVER_INSIDE"
TICK_S = 0.1
GRACE_S = 60.0
TOO_LATE = 124


@contextmanager
def name_server(log: Path, *, silent: bool, host: str = "127.0.0.1", port: int = PORT) -> Iterator[None]:
    """Serve over UDP and TCP; each name that is asked for is a line of `log`."""
    stopping = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.create_server((host, port)) as streams:
        datagrams.bind((host, port))

        def serve() -> None:
            with log.open("a", encoding="utf-8", buffering=1) as lines:
                while not stopping.is_set():
                    for ready in select.select([datagrams, streams], [], [], TICK_S)[0]:
                        if ready is streams:
                            with streams.accept()[0]:  # closed at once: the asker has its answer from the datagram, or none
                                lines.write("(by TCP)\n")
                            continue
                        query, asker = datagrams.recvfrom(4096)
                        lines.write(f"{asked_name(query)}\n")
                        if not silent:
                            datagrams.sendto(query[:2] + struct.pack(">H", NO_SUCH_NAME) + query[4:], asker)

        thread = threading.Thread(target=serve, name="name-server")
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


def asked_name(query: bytes) -> str:
    """The name in the question of a query."""
    labels, place = [], HEADER_BYTES
    while place < len(query) and query[place]:
        labels.append(query[place + 1 : place + 1 + query[place]].decode(errors="replace"))
        place += 1 + query[place]
    return ".".join(labels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, go into a network of its own, and run the command there."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.name_server", description=__doc__)
    parser.add_argument("--log", type=Path, required=True, metavar="FILE", help="The file that gets each name that is asked for.")
    parser.add_argument("--silent", action="store_true", help="Answer nothing. Default: there is no such name.")
    parser.add_argument("--timeout", type=float, metavar="S", help="End the command by SIGTERM after so many seconds.")
    parser.add_argument("--grace", type=float, default=GRACE_S, metavar="S", help="So long it may take to end. Default: %(default)s.")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(given)
    if INSIDE not in os.environ:
        alone = ["unshare", "--net", "--mount", "--map-root-user", sys.executable, "-m", "tests.faults.name_server", *given]
        return subprocess.run(alone, env={**os.environ, INSIDE: "1"}, check=False).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})
    with tempfile.NamedTemporaryFile("w") as resolver:
        resolver.write("nameserver 127.0.0.1\n")
        resolver.flush()
        subprocess.run(["mount", "--bind", resolver.name, "/etc/resolv.conf"], check=True)
        with name_server(options.log, silent=options.silent):
            return _run(options.command, options.timeout, options.grace)


def _run(command: Sequence[str], timeout_s: float | None, grace_s: float) -> int:
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(grace_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return TOO_LATE


if __name__ == "__main__":
    sys.exit(main())
