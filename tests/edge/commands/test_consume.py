"""`kotoba-edge consume` as a command: what it prints, when it ends and with which code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from tests.support.mosquitto import PASSWORD, USER, Mosquitto, free_port
from tests.support.repository import ROOT
from tests.support.running_consumer import Rows
from tests.support.scripted_box import ROOT_TOPIC, ScriptedBox, verdict

DEADLINE_S = 60.0
IDLE_S = "1"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "broker")
    made.start()
    yield made
    made.kill()


def consume(port: int, *options: str | Path, host: str = "127.0.0.1") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "edge.cli", "consume", "--broker", f"{host}:{port}", "--root", ROOT_TOPIC]
    return subprocess.Popen([*command, *map(str, options)], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        _, errors = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    return process.returncode, errors


def status(capsys: pytest.CaptureFixture[str], *options: str | Path) -> tuple[int, dict[str, Any]]:
    code = main(["consume", "--status", *map(str, options)])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.long
def test_it_ends_when_nothing_comes_and_says_whether_something_is_missing(
    broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "verdicts.sqlite"
    options = ("--sqlite", database, "--gap-patience-s", "0.2", "--until-idle", IDLE_S)
    assert ended(consume(broker.port, *options))[0] == 0
    with ScriptedBox(broker.port) as box:
        box.say_state(verdict(1))
        assert ended(consume(broker.port, *options))[0] == 0
        box.publish(verdict(2), verdict(4))
        code, errors = ended(consume(broker.port, *options))
    assert code == 1
    assert "ERROR kotoba.consume lost station=cell-01 epoch=e1 first=3 last=3 verdicts=1" in errors
    assert "received=2 duplicates=0 rejected=0 missing=1" in errors

    code, told = status(capsys, "--sqlite", database)
    station = told["stations"]["cell-01"]
    assert code == 1
    assert station.pop("last_at").endswith("Z")
    assert station == {"received": 2, "missing": 1, "epochs": 1, "gaps": {"open": 0, "asked": 0, "filled": 0, "lost": 1}}
    assert told["rejected"] == 0


@pytest.mark.long
def test_it_ends_soon_after_sigterm_without_a_broker(tmp_path: Path) -> None:
    process = consume(free_port(), "--sqlite", tmp_path / "verdicts.sqlite")
    rows = Rows(tmp_path / "verdicts.sqlite")
    rows.wait(lambda rows: rows.select("SELECT 1 FROM consumer") != [])
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    code, errors = ended(process)
    assert code == 0
    assert time.monotonic() - begun < 5
    assert errors.count("Connection refused") <= 1


@pytest.mark.long
def test_it_speaks_tls_with_a_name_and_a_password_that_is_never_shown(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", tls=True, password=True)
    broker.start()
    try:
        assert broker.tls is not None
        assert broker.password_file is not None
        secured = ("--ca-file", broker.tls.ca_file, "--username", USER, "--password-file", broker.password_file)
        code, errors = ended(consume(broker.port, "--sqlite", tmp_path / "one.sqlite", "--until-idle", IDLE_S, *secured))
        assert (code, "connected broker=" in errors) == (0, True)
        wrong = tmp_path / "wrong"
        wrong.write_text("open says me")
        refused = (*secured[:-1], wrong)
        code, errors = ended(consume(broker.port, "--sqlite", tmp_path / "two.sqlite", "--until-idle", IDLE_S, *refused))
        assert code == 1
        assert "refused (Not authorized): check user, password, access rules and protocol" in errors
        plain = ended(consume(broker.port, "--sqlite", tmp_path / "three.sqlite", "--until-idle", IDLE_S))[1]
        assert "and whether the port speaks TLS" in plain
        assert not any(secret in errors for secret in (PASSWORD, "open says me"))
    finally:
        broker.kill()


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--sqlite", "v.sqlite"], 2, "the following arguments are required: --broker, --root"),
        (["--broker", "b", "--root", "plant"], 2, "one of the arguments --sqlite --postgres --line-protocol is required"),
        (["--broker", "b", "--root", "plant/", "--sqlite", "v"], 78, "--root plant/: a root is words with slashes between them"),
        (["--broker", "b", "--root", "plant/+", "--sqlite", "v"], 78, "--root plant/+: a root is words"),
        (["--broker", "b:x", "--root", "plant", "--sqlite", "v"], 78, "--broker b:x: 'x' is no port: give HOST or HOST:PORT"),
        (["--broker", "b:70000", "--root", "plant", "--sqlite", "v"], 78, "--broker b:70000: port: Input should be less than"),
        (["--broker", "b", "--root", "plant", "--sqlite", "v", "--key-file", "k"], 2, "--cert-file and --key-file need --ca-file"),
        (["--broker", "b", "--root", "plant", "--sqlite", "nowhere/v"], 1, "opening the database nowhere/v: No such file or directory"),
        (["--broker", "b", "--root", "plant", "--line-protocol", "nowhere/v"], 1, "nowhere/v.state.sqlite: No such file or directory"),
        (["--status", "--sqlite", "v.sqlite"], 1, "reading the database v.sqlite: there is no such file"),
        (["--status", "--postgres", "dsn"], 78, "the file dsn with the connection string cannot be read (No such file or directory)"),
        (["--broker", "b", "--root", "plant", "--sqlite", "v", "--until-idle", "0"], 2, "0 is not between 0.1 and 86400 seconds"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    options: list[str], code: int, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        ended_with = main(["consume", *options])
    except SystemExit as left:
        ended_with = left.code  # type: ignore[assignment]
    errors = capsys.readouterr().err
    assert ended_with == code, errors
    assert sentence in errors
    assert "Traceback" not in errors
