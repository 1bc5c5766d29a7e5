"""No command calls home: in a network with a name server of the test, answering or silent, none asks for a name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.repository import KEYS, ROOT, STARTER, STARTER_PICTURES
from tests.support.station_files import changed_station
from tests.support.tiny_spec import write_spec

EDGE, EXPORT = ("-m", "edge.cli"), ("-m", "export.cli")
A_FIFTH_S, WHOLE_S = 24.0, 120.0
"""Telemetry begins some seconds after the first session."""
ENDED_BY_SIGTERM = 256 - 15
STOP_S = 5.0
"""In this time a box ends, also with a name server that is silent."""
WORK_S = 20.0
"""The demo still draws its pictures then, on a machine that has other things to do; with telemetry it would take 31 s and more."""

LOOKS_UP = """
import socket
try:
    socket.getaddrinfo("home.example", 443)
except socket.gaierror:
    pass
"""
CALLS_HOME = """
import time
import onnxruntime as ort
from onnx import TensorProto, helper
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in "xy")
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "graph", [x], [y])
session = ort.InferenceSession(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())
time.sleep(20)
"""


def station(folder: Path) -> Path:
    (folder / "stations").mkdir()
    path = folder / "stations" / "cell-01.toml"
    camera = {"kind": "folder", "path": str(STARTER_PICTURES), "watch": False, "repeat": True}
    text = changed_station(STARTER / "golden/station.toml", {"judge": {"cached_scores": 0}, "camera": camera})
    path.write_text(f'{text}\n[outputs.jsonl]\npath = "{folder / "verdicts.jsonl"}"\n')
    return path


def demo(folder: Path) -> list[str]:
    return [*EDGE, "demo", "--forever", "--out", str(folder)]


def run(folder: Path) -> list[str]:
    station(folder)
    return [*EDGE, "run"]


def inspect(folder: Path) -> list[str]:
    return [*EDGE, "inspect", *[str(STARTER_PICTURES)] * 8, "--station", str(station(folder)), "--jsonl", str(folder / "out.jsonl")]


def doctor(folder: Path) -> list[str]:
    station(folder)
    return [*EDGE, "doctor"]


def build(folder: Path) -> list[str]:
    specification = write_spec(folder / "spec")
    return [*EXPORT, "build", str(specification), "--out", str(folder / "bundle"), "--key", str(folder / "builder.key")]


COMMANDS: tuple[Callable[[Path], list[str]], ...] = (demo, run, inspect, doctor, build)


def asked(
    command: Sequence[str], folder: Path, *, silent: bool, watched_s: float, home: str = "1", end_s: float = STOP_S
) -> tuple[list[str], int, str]:
    """Run python for so long at most; returns the names that it asked for, its exit code and what it said."""
    log = folder / "names.txt"
    log.touch()
    # Nothing else of this environment: onnxruntime calls home only where no variable says that it runs in continuous integration.
    settings = {
        "PATH": os.environ["PATH"],
        "KOTOBA_STATIONS": folder / "stations", "KOTOBA_BUNDLE": STARTER, "KOTOBA_KEYS": KEYS, "KOTOBA_SPOOL": folder / "spool.sqlite",
        "HOME": folder, "PYTHONPATH": ROOT, "ORT_DISABLE_TELEMETRY": home,
    }  # fmt: skip
    watched = ["--log", str(log), *(["--silent"] if silent else []), "--timeout", str(watched_s), "--grace", str(end_s)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.name_server", *watched, sys.executable, *command],
        cwd=ROOT, env={key: str(value) for key, value in settings.items()}, timeout=watched_s + 60, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    return log.read_text().splitlines(), done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("silent", "watched_s"),
    [
        pytest.param(True, A_FIFTH_S, marks=pytest.mark.long, id="silent"),
        pytest.param(True, WHOLE_S, marks=pytest.mark.soak, id="silent, two minutes"),
        pytest.param(False, WHOLE_S, marks=pytest.mark.soak, id="answering, two minutes"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_no_command_asks_for_a_name(command: Callable[[Path], list[str]], tmp_path: Path, watched_s: float, silent: bool) -> None:  # noqa: FBT001 -- a parameter
    # The environment asks for telemetry, in vain.
    end_s = WORK_S if command is demo else STOP_S
    names, code, said = asked(command(tmp_path), tmp_path, silent=silent, watched_s=watched_s, home="0", end_s=end_s)
    assert names == []
    # A command that is at work, or ends by itself just then, is ended by the signal; the daemon ends in order.
    assert code in ({0} if command is run else {0, ENDED_BY_SIGTERM}), said
    assert not list(tmp_path.rglob("*onnxruntime*"))  # what it wants to upload is kept in the user's cache


@pytest.mark.long
def test_a_box_asks_for_its_broker_alone_and_ends_while_the_name_server_is_silent(tmp_path: Path) -> None:
    path = station(tmp_path)
    path.write_text(f'{path.read_text()}\n[outputs.mqtt]\nhost = "broker.plant"\n')
    names, code, said = asked([*EDGE, "run"], tmp_path, silent=True, watched_s=20.0)
    assert set(names) == {"broker.plant"}
    assert "gives no answer for broker.plant within 5 s" in said
    assert code == 0, said


@pytest.mark.parametrize("silent", [False, True], ids=["answering", "silent"])
def test_the_watch_sees_a_process_that_looks_up_a_name(tmp_path: Path, silent: bool) -> None:  # noqa: FBT001 -- a parameter
    names, code, _ = asked(["-c", LOOKS_UP], tmp_path, silent=silent, watched_s=4.0)
    assert set(names) == {"home.example"}
    assert code == (ENDED_BY_SIGTERM if silent else 0)


@pytest.mark.soak  # by the files and variables of the machine onnxruntime decides whether it calls home
def test_the_watch_sees_that_onnxruntime_calls_home_where_nobody_forbids_it(tmp_path: Path) -> None:
    names, _, _ = asked(["-c", CALLS_HOME], tmp_path, silent=False, watched_s=40.0, home="0")
    assert names
    assert all("." in name for name in names)
