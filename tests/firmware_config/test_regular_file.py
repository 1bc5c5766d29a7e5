"""What somebody names may be a pipe or a device: nobody waits for it, and nobody's memory is filled."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cameras.rtsp import open_rtsp
from edge.errors import EdgeError
from edge.familiarity.file import read_memory
from edge.judges.lessons import read_lessons
from edge.judges.linear.file import read_linear
from edge.slots.state_file import StateFile
from edge.studies.labelled import read_labels, read_lines
from export.bundle.key import builder_key
from export.errors import ExportError
from export.spec import read_spec
from export.teach.spec import read_teach_spec
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.board import read_board
from firmware_config.bundle import parse_manifest
from firmware_config.calibration import read_calibration
from firmware_config.cameras import RtspCamera
from firmware_config.errors import ConfigError, StationError
from firmware_config.regular_file import MAX_SECRET_BYTES, read_regular, read_secret
from firmware_config.signature import read_trusted_keys
from firmware_config.station import read_station
from firmware_config.stations_of_a_box import require_named_files
from tests.support.station_files import station_toml
from tests.support.tiny_bundle import as_json, manifest_of, sound_files


def keys(path: Path) -> object:
    return read_trusted_keys(path.parent)


READERS: dict[str, Callable[[Path], object]] = {
    "station.toml": read_station,
    "calibration.json": read_calibration,
    "lessons.jsonl": read_lessons,
    "memory.json": lambda path: read_memory(path, roi=None),
    "linear.json": read_linear,
    "builder.pub": keys,
    "revoked": keys,
    "state.json": lambda path: StateFile(path.parent).read(),
    "lines.jsonl": read_lines,
    "labels.csv": read_labels,
    "builder.key": builder_key,
    "build.toml": read_spec,
    "teach.toml": read_teach_spec,
    "accepted.json": lambda path: AcceptedBundles(path).require_not_older(parse_manifest(as_json(manifest_of(sound_files())))),
    "camera password": lambda path: open_rtsp(RtspCamera(kind="rtsp", url="rtsp://cam/1", password_file=path), station="s1"),
}


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("kind", [pipe, endless, folder], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, name: str, kind: Callable[[Path], None]) -> None:
    kind(tmp_path / name)
    why = "it is a folder" if kind is folder else "no regular file|is a link"
    with pytest.raises((ConfigError, EdgeError, ExportError), match=why):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize("kind", [pipe, endless], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("key", ["template_file", "password_file", "ca_file", "memory_file"])
def test_a_station_that_names_none_is_refused_before_anything_is_read(tmp_path: Path, key: str, kind: Callable[[Path], None]) -> None:
    named = tmp_path / "named"
    kind(named)
    (tmp_path / "pictures").mkdir()
    sections = {
        "template_file": f'[judge]\ntemplate_file = "{named}"\n',
        "password_file": f'[outputs.mqtt]\nhost = "broker"\npassword_file = "{named}"\n',
        "ca_file": f'[outputs.mqtt]\nhost = "broker"\n[outputs.mqtt.tls]\nca_file = "{named}"\n',
        "memory_file": f'[familiarity]\nmemory_file = "{named}"\n',
    }
    station = tmp_path / "cell-01.toml"
    station.write_text(station_toml(sections[key], pictures=tmp_path / "pictures"))
    with pytest.raises(StationError, match=f"{key}: {named} is no regular file"):
        require_named_files(read_station(station))


def test_a_password_is_one_short_line(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    assert read_secret(tmp_path / "password") == "secret"
    (tmp_path / "password").write_text("x" * (MAX_SECRET_BYTES + 1))
    with pytest.raises(OSError, match="more than 4096 bytes"):
        read_secret(tmp_path / "password")


def test_a_link_to_a_regular_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_regular(tmp_path / "link", 3) == b"123"


DEEP = {"lists": "a = " + "[" * 100_000, "keys": "a." * 5_000 + "a = 1", "tables": "[" + "a." * 5_000 + "a]"}


@pytest.mark.parametrize("deep", DEEP)
def test_a_file_that_is_nested_deeply_is_one_sentence(tmp_path: Path, deep: str) -> None:
    (tmp_path / "board.toml").write_text(DEEP[deep])
    for read in (lambda path: read_board(str(path)), read_station):
        with pytest.raises(ConfigError, match=r"board\.toml") as refusal:
            read(tmp_path / "board.toml")
        assert len(str(refusal.value)) < 1_000
