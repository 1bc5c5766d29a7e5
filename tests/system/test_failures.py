"""What docs/operations.md says of failures, against the commands themselves."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.records import Reason
from export.bundle.build import build
from export.cache import Cache
from export.spec import read_spec
from firmware_config.accepted_bundles import FILE_NAME
from firmware_config.board import Board
from tests.support.consumer import Consumer, Got
from tests.support.harmed_boxes import FAILURES, Box, change_station, use_up_the_spool
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.repository import ROOT
from tests.support.station_files import station_toml
from tests.support.tiny_spec import write_spec
from tests.system.test_camera_folder import fill

OPERATIONS = ROOT / "docs/operations.md"
DEADLINE_S = 120.0
"""For what takes some seconds on a machine that has nothing else to do."""

MAX_PEAK_KIB = 1_500_000_000 // 1024


SECTIONS = """
[describe]
tags = 2
attributes = 2
samples = 1
max_tokens = 4

[judge]
min_confidence = 0.5

[outputs.mqtt]
host = "127.0.0.1"
port = {port}
"""


def section(title: str) -> list[list[str]]:
    """The cells of the rows of the table under a heading, without its head."""
    text = OPERATIONS.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@dataclass(frozen=True)
class Row:
    """One line of the table of failures."""

    failure: str
    command: str
    message: str
    code: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The message; each word in capitals stands for anything without a space."""
        words = re.split(r"\b(STATION|PICTURE|BUNDLE|FOLDER|NAME|FILE|DIGEST|HOST|ID|SPOOL|BYTES)\b", self.message)
        return re.compile("".join(r"\S+" if index % 2 else re.escape(word) for index, word in enumerate(words)))


def unquoted(cell: str) -> str:
    return cell.strip("`").strip()


ROWS = [
    Row(failure, unquoted(command), unquoted(message), code) for failure, command, message, code in section("What each failure looks like")
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle of random weights that runs, and its keys."""
    folder = tmp_path_factory.mktemp("sound")
    board = Board(name="test", providers=("cpu",), threads=1)
    spec = read_spec(write_spec(folder / "spec"))
    key = folder / "keys" / "builder.key"
    build(spec, out=folder / "bundle", key=key, cache=Cache(folder / "cache"), archive=False, board=board, report=lambda _: None)
    return folder


@pytest.fixture
def box(sound: Path, tmp_path: Path) -> Box:
    made = Box(tmp_path, free_port())
    for folder in ("pictures", "stations"):
        (tmp_path / folder).mkdir()
    (tmp_path / "keys").symlink_to(sound / "keys")
    (tmp_path / "bundle").symlink_to(sound / "bundle")
    made.station.write_text(
        station_toml(SECTIONS.format(port=made.port), pictures=made.picture.parent, camera="watch = false\nrepeat = true\n")
    )
    cv2.imwrite(str(made.picture), np.random.default_rng(0).integers(0, 256, (48, 64), np.uint8))
    return made


def test_every_reason_code_is_explained_once() -> None:
    assert [unquoted(code) for code, *_ in section("Reason codes")] == [reason.value for reason in Reason]


def test_every_failure_that_is_tried_is_in_the_document() -> None:
    assert {row.failure for row in ROWS} == set(FAILURES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.failure}, {row.command.split(' --')[0]}")
def test_a_failure_looks_as_the_document_says(box: Box, tmp_path: Path, row: Row) -> None:
    FAILURES[row.failure](box)
    log = tmp_path / "log"
    process = box.start(row.command, log)
    try:
        if row.code == "0 after SIGTERM":
            wait_for(lambda: row.pattern.search(log.read_text()), process)
            process.send_signal(signal.SIGTERM)
        code = process.wait(DEADLINE_S)
    finally:
        process.kill()
        process.wait()

    printed = log.read_text()
    assert row.pattern.search(printed), printed
    assert code == int(row.code.split()[0]), printed
    if row.code == "78":
        assert printed.count("\n") == 1
        assert printed.startswith(row.command.split()[0] + ": ")


def test_the_daemon_goes_on_through_a_folder_full_of_trouble(box: Box, tmp_path: Path) -> None:
    fill(box.picture.parent)
    out, log = tmp_path / "verdicts.jsonl", tmp_path / "log"
    change_station("repeat = true", "")(box)
    box.station.write_text(f'{box.station.read_text()}\n[outputs.jsonl]\npath = "{out}"\n')
    process = box.start("kotoba-edge run", log)
    try:
        wait_for(lambda: out.exists() and out.read_bytes().count(b"\n") >= 11, process)
        status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()

    verdicts = [json.loads(line) for line in out.read_bytes().splitlines()]
    faults = {verdict["source"]: verdict["reasons"] for verdict in verdicts if verdict["decision"] == "FAULT"}
    assert faults == {
        "02-cut.jpg": ["unreadable"],
        "03-huge.png": ["too_large"],
        "04-text.png": ["unreadable"],
        "05-empty.png": ["empty"],
        "06-grey16.png": ["unsupported"],
        "07-monster.bmp": ["too_large"],
        "08-black.png": ["blank"],
        "09-tiny.png": ["wrong_size"],
    }
    assert [verdict["source"] for verdict in verdicts][-2:] == ["10-good.jpg", "part-1.png"]
    assert int(status["VmHWM"].split()[0]) < MAX_PEAK_KIB
    assert json.loads(box.spool.with_name(FILE_NAME).read_bytes())["bundles"][0]["version"] == 3, "what has run is remembered"


def wait_for(happened: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert process.poll() is None, f"the command ended with {process.returncode}"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_what_waited_for_the_broker_goes_out_and_what_waited_for_room_is_a_fault(box: Box, tmp_path: Path) -> None:
    use_up_the_spool(box)
    log, messages = tmp_path / "log", list[Got]()
    broker = Mosquitto(tmp_path / "broker", port=box.port)
    process = box.start("kotoba-edge run", log)
    try:
        wait_for(lambda: "spool full=True" in log.read_text(), process)
        waiting = tmp_path / "status"
        assert box.start("kotoba-edge spool status", waiting).wait(DEADLINE_S) == 0
        backlog = json.loads(waiting.read_text())["backlog"]
        assert [(entry["sink"], entry["station"]) for entry in backlog] == [("mqtt", "cell-01")]

        broker.start()
        with Consumer(broker, "plant/#", on_message=messages.append):
            waited_for = set(range(1, backlog[0]["rows"] + 2))
            wait_for(lambda: waited_for <= {verdict["seq"] for verdict in payloads(messages, "/verdict")}, process)
            wait_for(lambda: "online" in [status["state"] for status in payloads(messages, "/status")], process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()
        broker.kill()

    verdicts = payloads(messages, "/verdict")
    numbers, left = {verdict["seq"] for verdict in verdicts}, tmp_path / "left"
    assert len(numbers) == len(verdicts)
    assert box.start("kotoba-edge spool status", left).wait(DEADLINE_S) == 0
    # The newest go first: where the end came in between, those before them wait on.
    assert max(numbers) - len(numbers) <= sum(entry["rows"] for entry in json.loads(left.read_text())["backlog"])
    assert {verdict["decision"] for verdict in verdicts} == {"FAULT"}
    waited = [verdict for verdict in verdicts if verdict["reasons"] == ["spool_full", "unreadable"]]
    assert [verdict["seq"] for verdict in waited][:1] == [backlog[0]["rows"] + 1]


def payloads(messages: list[Got], ending: str) -> list[dict[str, Any]]:
    return [json.loads(got.payload) for got in list(messages) if got.topic.endswith(ending)]
