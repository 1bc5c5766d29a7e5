"""File names that are not UTF-8, on the command line and in folders: each works, or is answered in one true sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.cameras import open_camera
from edge.cameras.folder import FolderCamera
from edge.cameras.named_files import NamedFiles
from edge.message import encode
from edge.records import Frame, LostFrame, Reason
from firmware_config.cameras import FolderCamera as FolderSettings
from firmware_config.cameras import VideoCamera
from firmware_config.station import Picture
from tests.support.inspections import FULL
from tests.support.picture_files import png
from tests.support.repository import ROOT
from tests.support.station_files import station_toml

NAMES = {
    "Latin-1": b"caf\xe9",
    "Shift JIS": "良品".encode("shift_jis"),
    "a lone byte": b"part-\xff-1",
    "EUC-JP": "部品".encode("euc_jp"),
}
ODD = {"brackets": b"part[1]", "star": b"part*?", "spaces": b" part 1 ", "UTF-8": "部品".encode()}
TIMEOUT_S = 120.0


def named(folder: Path, name: bytes, suffix: str) -> Path:
    return Path(os.fsdecode(os.fsencode(folder) + b"/" + name + suffix.encode()))


def ran(module: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", module, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False, env=environment)


def is_one_true_sentence(done: subprocess.CompletedProcess[bytes]) -> bool:
    error = done.stderr.decode()
    return error.count("\n") == 1 and "environment variables" not in error and "Traceback" not in error


@pytest.mark.parametrize("name", [*NAMES, *ODD])
def test_a_picture_is_read_whatever_its_name_is(tmp_path: Path, name: str) -> None:
    path = named(tmp_path, (NAMES | ODD)[name], ".png")
    path.write_bytes(png())
    (tmp_path / "part1.png").write_bytes(b"another file")

    (capture,) = NamedFiles([path], station="cell-01", picture=Picture()).frames()

    assert isinstance(capture, Frame)
    assert capture.source == path.name


@pytest.mark.parametrize("name", [*NAMES, *ODD])
def test_a_folder_whatever_its_name_is_gives_its_pictures(tmp_path: Path, name: str) -> None:
    folder = named(tmp_path, (NAMES | ODD)[name], "")
    folder.mkdir()
    named(folder, (NAMES | ODD)[name], ".png").write_bytes(png())

    (capture,) = FolderCamera(FolderSettings(kind="folder", path=folder, watch=False), station="cell-01").frames()

    assert isinstance(capture, Frame)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_that_cannot_be_read_is_named_in_a_line_of_json(tmp_path: Path, name: str) -> None:
    path = named(tmp_path, NAMES[name], ".png")
    path.write_bytes(png()[:50])

    (capture,) = NamedFiles([path], station="cell-01", picture=Picture()).frames()

    assert isinstance(capture, LostFrame)
    line = json.loads(encode(replace(FULL, source=capture.source, detail=capture.detail)))
    assert line["source"].isprintable()
    assert line["source"].endswith(".png")
    assert "is cut off" in line["detail"]


@pytest.mark.parametrize("name", NAMES)
def test_a_video_whose_name_is_not_utf_8_is_a_fault_with_what_to_do(tmp_path: Path, name: str) -> None:
    path = named(tmp_path, NAMES[name], ".mp4")
    path.write_bytes(b"")

    (capture,) = open_camera(VideoCamera(kind="video", path=path), station="cell-01", picture=Picture()).frames()

    assert isinstance(capture, LostFrame)
    assert (capture.reason, "rename" in capture.detail) == (Reason.CAMERA_UNREACHABLE, True)


def station_file(folder: Path, name: bytes) -> Path:
    path = named(folder, name, ".toml")
    path.write_text(station_toml())
    return path


def check(folder: Path, name: bytes) -> subprocess.CompletedProcess[bytes]:
    return ran("firmware_config.cli", "check", station_file(folder, name))


def check_as_json(folder: Path, name: bytes) -> subprocess.CompletedProcess[bytes]:
    return ran("firmware_config.cli", "check", "--json", station_file(folder, name))


def new(folder: Path, name: bytes) -> subprocess.CompletedProcess[bytes]:
    return ran("firmware_config.cli", "new", "cell-01", "--out", named(folder, name, "-new.toml"))


WORKS: dict[str, Callable[[Path, bytes], subprocess.CompletedProcess[bytes]]] = {"check": check, "check --json": check_as_json, "new": new}


@pytest.mark.parametrize("command", WORKS)
@pytest.mark.parametrize("name", NAMES)
def test_a_command_takes_a_file_whose_name_is_not_utf_8(tmp_path: Path, command: str, name: str) -> None:
    done = WORKS[command](tmp_path, NAMES[name])

    assert done.returncode == 0
    assert done.stderr == b"" or b"can never say OK" in done.stderr


REFUSED: dict[str, Callable[[Path], tuple[str | Path, ...]]] = {
    "inspect": lambda path: ("edge.cli", "inspect", path, "--station", path),
    "inspect --jsonl": lambda path: ("edge.cli", "inspect", path.with_name("a.png"), "--station", path, "--jsonl", path),
    "calibrate": lambda path: ("edge.cli", "calibrate", path, "--labels", path, "--station", path, "--out", path),
    "learn": lambda path: ("edge.cli", "learn", "list", "--station", path),
    "explain": lambda path: ("edge.cli", "explain", "01", "--jsonl", path, "--station", path),
    "bundle verify": lambda path: ("edge.cli", "bundle", "verify", path, "--keys", path),
    "spool status": lambda path: ("edge.cli", "spool", "status", "--spool", path),
    "export build": lambda path: ("export.cli", "build", path, "--out", path),
    "export verify": lambda path: ("export.cli", "verify", path, "--keys", path),
    "export cost": lambda path: ("export.cli", "cost", path, "--out", path),
}


@pytest.mark.long
@pytest.mark.parametrize("command", REFUSED)
def test_a_command_answers_a_missing_file_whose_name_is_not_utf_8_in_one_sentence(tmp_path: Path, command: str) -> None:
    done = ran(*map(str, REFUSED[command](named(tmp_path, NAMES["Latin-1"], ".toml"))))

    assert done.returncode in {1, 78}
    assert is_one_true_sentence(done), done.stderr
    assert b"\\udce9" in done.stderr


def test_a_wrong_environment_variable_is_still_told_as_one(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KOTOBA_SPOOL_MAX_BYTES": "5"}
    command = [sys.executable, "-m", "edge.cli", "spool", "status", "--spool", str(tmp_path / "spool")]

    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False, env=environment)

    assert done.returncode == 78
    assert b"environment variables KOTOBA_*: spool_max_bytes" in done.stderr
