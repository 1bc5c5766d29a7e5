"""What docs/operations.md says of failures, against the commands themselves."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.records import Reason
from edge.spool.store import Spool
from export.bundle.build import build
from export.cache import Cache
from export.spec import read_spec
from firmware_config.accepted_bundles import FILE_NAME, AcceptedBundles
from firmware_config.board import Board
from firmware_config.bundle import parse_manifest
from firmware_config.calibration import write_calibration
from tests.support.calibrations import calibration
from tests.support.consumer import Consumer, Got
from tests.support.inspections import inspection
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.picture_files import encoded, gradient
from tests.support.repository import ROOT
from tests.support.station_files import station_toml
from tests.support.tiny_spec import write_spec
from tests.system.test_camera_folder import fill

OPERATIONS = ROOT / "docs/operations.md"
COMMANDS = Path(sys.executable).parent
DEADLINE_S = 120.0
"""For what takes some seconds on a machine that has nothing else to do."""

MAX_PEAK_KIB = 1_500_000_000 // 1024

QUOTA_BYTES = 1_000_000
"""The least that KOTOBA_SPOOL_MAX_BYTES may be."""

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


@dataclass
class Box:
    """Everything that a command needs, in a folder of its own."""

    root: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    """What the command is started by, as `env` starts one."""

    @property
    def station(self) -> Path:
        return self.root / "stations" / "cell-01.toml"

    @property
    def picture(self) -> Path:
        return self.root / "pictures" / "part-1.png"

    @property
    def spool(self) -> Path:
        return self.root / "spool" / "spool.sqlite"

    @property
    def bundle(self) -> Path:
        return self.root / "bundle"

    def start(self, command: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a command of the document, with its output in a file."""
        named = command.replace("STATION", str(self.station)).replace("PICTURE", str(self.picture)).replace("BUNDLE", str(self.bundle))
        program, *arguments = shlex.split(named)
        settings = {
            "KOTOBA_STATIONS": self.station.parent,
            "KOTOBA_BUNDLE": self.bundle,
            "KOTOBA_KEYS": self.root / "keys",
            "KOTOBA_SPOOL": self.spool,
            "OMP_NUM_THREADS": 1,
        }
        environment = {**os.environ, **{key: str(value) for key, value in settings.items()}, **self.environment}
        with log.open("wb") as output:
            return subprocess.Popen(
                [*self.within, COMMANDS / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )


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


def change_station(old: str, new: str) -> Callable[[Box], None]:
    def change(box: Box) -> None:
        box.station.write_text(box.station.read_text().replace(old, new))

    return change


def watch_a_folder_that_is_not_there(box: Box) -> None:
    change_station("watch = false\nrepeat = true", "")(box)
    change_station("pictures", "elsewhere")(box)


def use_another_camera(box: Box, *lines: str) -> None:
    text = box.station.read_text()
    folder = text[text.index("[camera]") : text.index("\n[[labels]]")]
    box.station.write_text(text.replace(folder, "\n".join(["[camera]", *lines, ""])))


def switch_the_camera_off(box: Box) -> None:
    use_another_camera(box, 'kind = "rtsp"', f'url = "rtsp://127.0.0.1:{free_port()}/line"')


def name_a_pipe_as_video(box: Box) -> None:
    os.mkfifo(box.root / "line.avi")
    use_another_camera(box, 'kind = "video"', f'path = "{box.root / "line.avi"}"')


def lose_bundle(box: Box) -> None:
    box.bundle.unlink()


def flip_one_byte(box: Box, file: str = "clip/vision.onnx") -> None:
    sound = box.bundle.resolve()
    box.bundle.unlink()
    for path in sound.rglob("*"):
        if path.is_file():
            (box.bundle / path.relative_to(sound)).parent.mkdir(parents=True, exist_ok=True)
            (box.bundle / path.relative_to(sound)).write_bytes(path.read_bytes())
    raw = bytearray((box.bundle / file).read_bytes())
    raw[len(raw) // 2] ^= 1
    (box.bundle / file).write_bytes(raw)


def leave_out_the_broker(box: Box) -> None:
    box.station.write_text(box.station.read_text().partition("[outputs.mqtt]")[0])


def cut_off(box: Box) -> None:
    box.picture.write_bytes(box.picture.read_bytes()[:200])


def zero_the_middle(box: Box) -> None:
    raw = encoded(gradient(200, 200), "JPEG", quality=95)
    third = len(raw) // 3
    box.picture.write_bytes(raw[:third] + bytes(third) + raw[2 * third :])


def deepen(box: Box) -> None:
    box.picture.write_bytes(encoded(gradient()[:, :, 0].astype(np.uint16) * 16, "PNG"))


def write_as_webp(box: Box) -> None:
    box.picture.write_bytes(encoded(gradient(), "WEBP"))


def use_up_the_spool(box: Box) -> None:
    cut_off(box)  # judged without any model: hundreds a second
    box.environment["KOTOBA_SPOOL_MAX_BYTES"] = str(QUOTA_BYTES)


def use_up_the_disk(box: Box) -> None:
    cut_off(box)
    box.spool.parent.mkdir()
    small = 'mount -t tmpfs -o size=10m tmpfs "$0" && exec "$@"'  # 8 MB of it are the spool's ballast
    box.within = ("unshare", "--mount", "--map-root-user", "sh", "-c", small, str(box.spool.parent))


def calibrate_for_another_bundle(box: Box) -> None:
    path = box.root / "calibration.json"
    write_calibration(path, calibration({"labels": {"good": "ok", "bad": "ng"}}))
    change_station("min_confidence = 0.5", f'calibration = "{path}"')(box)


def name_a_pipe(box: Box) -> None:
    os.mkfifo(box.root / "password")
    change_station("[outputs.mqtt]", f'[outputs.mqtt]\npassword_file = "{box.root / "password"}"')(box)


def empty_the_spool(box: Box) -> None:
    box.spool.parent.mkdir()
    with closing(Spool(box.spool, ballast_bytes=4096)) as spool:
        spool.commit(inspection(1))
    box.spool.write_bytes(b"")


def put_the_pictures_nowhere(box: Box) -> None:
    leave_out_the_broker(box)
    box.environment["KOTOBA_EVIDENCE"] = str(box.root / "nowhere" / "evidence")


def use_up_the_evidence_disk(box: Box) -> None:
    put_the_pictures_nowhere(box)
    disk = box.root / "nowhere"
    disk.mkdir()
    box.within = ("unshare", "--mount", "--map-root-user", "sh", "-c", 'mount -t tmpfs -o size=10m tmpfs "$0" && exec "$@"', str(disk))


def run_a_newer_bundle(box: Box) -> None:
    manifest = parse_manifest((box.bundle / "manifest.json").read_bytes())
    AcceptedBundles.beside(box.spool).accept(manifest.model_copy(update={"bundle_version": 9}))


def spoil_the_accepted_bundles(box: Box) -> None:
    run_a_newer_bundle(box)
    box.spool.with_name(FILE_NAME).write_bytes(b"")


FAILURES: dict[str, Callable[[Box], None]] = {
    "trigger over MQTT of a camera that does not run freely": change_station(
        "[judge]", '[trigger]\nkind = "mqtt"\ndeadline_ms = 500\n\n[judge]'
    ),
    "trigger over MQTT without a deadline": change_station("[judge]", '[trigger]\nkind = "mqtt"\n\n[judge]'),
    "unknown key in a station file": change_station("min_confidence = 0.5", 'colour = "red"'),
    "misspelt key in a station file": change_station("min_confidence", "min_confidense"),
    "station that can never say OK": leave_out_the_broker,
    "new station without its answers": lambda _: None,
    "new station from a bundle with a changed file": lambda box: flip_one_byte(box, "golden/station.toml"),
    "label without decision": change_station('decision = "ng"', ""),
    "camera folder that is not there": change_station("pictures", "elsewhere"),
    "watched folder that is not there": watch_a_folder_that_is_not_there,
    "camera that cannot be reached": switch_the_camera_off,
    "video that is a pipe": name_a_pipe_as_video,
    "calibration that is not there": change_station("min_confidence = 0.5", 'calibration = "nowhere.json"'),
    "calibration of another bundle": calibrate_for_another_bundle,
    "missing bundle": lose_bundle,
    "older bundle than the box has run": run_a_newer_bundle,
    "damaged list of accepted bundles": spoil_the_accepted_bundles,
    "bundle with one flipped byte": flip_one_byte,
    "wrong environment variable": lambda box: box.environment.update(KOTOBA_SPOOL_MAX_BYTES="5"),
    "picture that is cut off": cut_off,
    "picture with its middle zeroed": zero_the_middle,
    "picture of 16 bits without a bit depth": deepen,
    "picture in a format that is not read": write_as_webp,
    "no picture named": lambda _: None,
    "verdict of a box that has not run": lambda _: None,
    "lessons without a file for them": lambda _: None,
    "lessons that are not there": change_station("min_confidence = 0.5", 'lessons = "nowhere.jsonl"'),
    "unreachable broker": lambda _: None,
    "password file that is a pipe": name_a_pipe,
    "spool that was emptied": empty_the_spool,
    "full spool": use_up_the_spool,
    "full disk": use_up_the_disk,
    "database of a consumer in a folder that is not there": lambda _: None,
    "consumer without the file of its PostgreSQL": lambda _: None,
    "evidence folder that cannot be made": put_the_pictures_nowhere,
    "evidence disk that is nearly full": use_up_the_evidence_disk,
}


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
    assert sorted(verdict["seq"] for verdict in verdicts) == list(range(1, len(verdicts) + 1))
    assert {verdict["decision"] for verdict in verdicts} == {"FAULT"}
    waited = [verdict for verdict in verdicts if verdict["reasons"] == ["spool_full", "unreadable"]]
    assert [verdict["seq"] for verdict in waited][:1] == [backlog[0]["rows"] + 1]


def payloads(messages: list[Got], ending: str) -> list[dict[str, Any]]:
    return [json.loads(got.payload) for got in list(messages) if got.topic.endswith(ending)]
