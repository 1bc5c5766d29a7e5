"""What holds for every test: no contact with the outside, nothing left running, the same examples every time."""

from __future__ import annotations

import contextlib
import ipaddress
import multiprocessing
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnxruntime as ort
import psutil
import pytest
from hypothesis import settings
from onnx import TensorProto, helper

from tests.support.needs import needs_of

settings.register_profile("house", derandomize=True, deadline=None, database=None)
settings.load_profile("house")

# Numbers too small to be normal are 0 for the threads that call, if a process's first session is edge's; hypothesis wants to draw such.
_x, _y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in "xy")
_graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "first", [_x], [_y])
ort.InferenceSession(helper.make_model(_graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())

LEFT_BEHIND_DEADLINE_S = 5.0
"""Time for a stopped thread to end."""

TOLERATED_COMMANDS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver", "joblib.externals.loky")
"""Python's own housekeepers, started once per process and kept."""


_children: list[psutil.Process] = []
"""Those that ran at the end of the last test: looking for them takes milliseconds, once for each of two thousand tests."""


class OutsideContactError(AssertionError):
    """A test tried to reach something that is not this machine."""


_outside_contacts: list[str] = []


def _is_this_machine(host: object) -> bool:
    if isinstance(host, (bytes, bytearray)):
        host = host.decode(errors="replace")
    if host in {None, "", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_the_outside(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        sock, address = arguments
        if address is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        host = address[0]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}:
        host = arguments[0][0] if event == "socket.getnameinfo" else arguments[0]
    else:
        return
    if not _is_this_machine(host):
        _outside_contacts.append(f"{event} {host!r}")
        msg = f"{event} to {host!r}: a test may reach loopback only"
        raise OutsideContactError(msg)


# An audit hook sees every connect and name look-up of this process, whichever library makes it, and nothing of ours is patched.
# Native code (FFmpeg in OpenCV) is out of its sight: the demo's test under `unshare -n` covers that.
sys.addaudithook(_refuse_the_outside)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="leave out test files that load models or start a broker (tests/support/needs.py)"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave such a file unread: importing torch alone takes seconds."""
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if config.getoption("--quick") and is_test and needs_of(collection_path) else None


@pytest.fixture(autouse=True)
def outside_contacts() -> Iterator[list[str]]:
    """Fail a test that tried to reach the outside, also where the code under test swallowed the refusal."""
    _outside_contacts.clear()
    yield _outside_contacts
    if _outside_contacts:
        pytest.fail(f"tried to reach the outside: {', '.join(_outside_contacts)}")


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread, a child process or a socket behind."""
    threads_before, children_before, sockets_before = set(threading.enumerate()), set(_children), _sockets()
    yield
    deadline = time.monotonic() + LEFT_BEHIND_DEADLINE_S
    while left := _left_behind(threads_before, children_before, sockets_before):
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {', '.join(left)}")
        time.sleep(0.01)


def _sockets() -> set[str]:
    """The open ones, by their inode. Those in a circle of garbage count: when they are closed, and whether with a warning, is chance."""
    names = []
    for descriptor in os.listdir("/proc/self/fd"):  # noqa: PTH208 -- for each of five thousand tests, twice
        with contextlib.suppress(OSError):  # the listing's own
            names.append(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115
    return {name for name in names if name.startswith("socket:")}


def _left_behind(threads_before: set[threading.Thread], children_before: set[psutil.Process], sockets_before: set[str]) -> list[str]:
    multiprocessing.active_children()  # reaps those that ended
    left = [f"thread {thread.name}" for thread in threading.enumerate() if thread not in threads_before]
    _children[:] = psutil.Process().children(recursive=True)
    for child in set(_children) - children_before:
        try:
            command = " ".join(child.cmdline())
            ended = child.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            continue
        if not ended and not any(name in command for name in TOLERATED_COMMANDS):
            left.append(f"process {child.pid} {command}")
    return left + sorted(_sockets() - sockets_before)
