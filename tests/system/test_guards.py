from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.needs import needs_of
from tests.support.repository import ROOT

CONFTEST = ROOT / "tests/conftest.py"

MISBEHAVING = """
import contextlib, socket, subprocess, threading, time

child = []

def test_leaves_a_thread():
    threading.Thread(target=time.sleep, args=(60,), name="stray", daemon=True).start()

def test_leaves_a_process():
    child.append(subprocess.Popen(["sleep", "60"]))

def test_swallows_the_refusal():
    with contextlib.suppress(AssertionError):
        socket.gethostbyname("broker.example")

def teardown_module():
    child[0].kill()
    child[0].wait()
"""


@pytest.mark.parametrize("address", [("192.0.2.1", 1883), ("2001:db8::1", 1883)])
def test_a_connect_to_another_host_is_refused(address: tuple[str, int], outside_contacts: list[str]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(AssertionError, match="loopback only"):
        client.connect(address)
    assert len(outside_contacts) == 1
    outside_contacts.clear()


def test_a_datagram_to_another_host_is_refused(outside_contacts: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, pytest.raises(AssertionError, match="loopback only"):
        client.sendto(b"hello", ("192.0.2.1", 53))
    outside_contacts.clear()


def test_a_name_look_up_is_refused(outside_contacts: list[str]) -> None:
    with pytest.raises(AssertionError, match="loopback only"):
        socket.getaddrinfo("broker.example", 1883)
    outside_contacts.clear()


def test_loopback_and_unix_sockets_are_free(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(("localhost", server.getsockname()[1])):
        pass
    with socket.socket(socket.AF_UNIX) as unix_server, socket.socket(socket.AF_UNIX) as client:
        unix_server.bind(str(tmp_path / "socket"))
        unix_server.listen()
        client.connect(str(tmp_path / "socket"))


@pytest.mark.long
def test_a_test_that_leaves_something_running_or_reaches_out_fails(tmp_path: Path) -> None:
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "test_misbehaving.py").write_text(MISBEHAVING)

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False, env=environment)

    assert "3 errors" in run.stdout
    assert "left behind: thread stray" in run.stdout
    assert "left behind: process" in run.stdout
    assert "tried to reach the outside" in run.stdout


@pytest.mark.parametrize(
    ("file", "needs"),
    [
        ("contracts/test_judges.py", {"models"}),  # names the starter bundle
        ("edge/review/test_teach.py", {"models"}),  # through tests/support
        ("export/tuning/test_tune.py", {"models"}),  # through export
        ("system/test_chaos.py", {"broker"}),
        ("edge/test_message.py", set()),
    ],
)
def test_what_a_test_file_needs_is_read_from_its_imports(file: str, needs: set[str]) -> None:
    assert needs_of(ROOT / "tests" / file) == needs
