"""What a watched folder takes for a picture by its name, and what it leaves alone."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from edge.cameras.folder import FolderCamera
from edge.records import LostFrame, Reason
from firmware_config.cameras import FolderCamera as Settings
from tests.support.watched_folder import Watch, picture, put

WHOLE = picture(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.sqlite"


STRAYS = ["notes.txt", "Thumbs.db", ".DS_Store", "a.png~", "b.png.part", "c.tmp", "d.crdownload", "README", ".hidden.png", "e.txt"]


def test_what_is_no_picture_by_its_name_is_left_alone_counted_and_logged_once_for_each_kind(
    folder: Path, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in STRAYS:
        put(folder, name, b"no picture")
    with caplog.at_level(logging.WARNING), Watch(folder, spool) as watch:
        watch.settle()
        put(folder, "more.txt", b"no picture")
        put(folder, "a.png", WHOLE)
        watch.settle()

    logged = [record.getMessage() for record in caplog.records if "left alone" in record.getMessage()]
    assert watch.given == [("a.png", None)]
    assert watch.left_alone == len(STRAYS) + 1
    assert len(logged) == len(STRAYS) - 1
    assert sum("'.txt'" in line for line in logged) == 1


@pytest.mark.parametrize("name", ["A.PNG", "b.Jpg", "c.JPEG", "d.bMp", "e.TIFF", "f.TiF", "g.PPM"])
def test_endings_are_taken_in_any_case(folder: Path, spool: Path, name: str) -> None:
    kind = {"jpg": "jpeg", "tif": "tiff"}.get(ending := name.rpartition(".")[2].lower(), ending)
    put(folder, name, picture(1, kind))
    with Watch(folder, spool) as watch:
        watch.settle()

    assert watch.given == [(name, None)]


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("*.png", ["A.PNG", "a.png"]),
        (["*.png", "b*.jpg"], ["A.PNG", "a.png", "b1.jpg"]),
        ("a.png", ["a.png"]),
        ("sub/*", ["sub/c.txt"]),
        ("**/*.txt", ["note.txt", "sub/c.txt"]),
    ],
)
def test_a_station_says_which_names_are_pictures(folder: Path, spool: Path, pattern: str | list[str], taken: list[str]) -> None:
    for name in ("A.PNG", "a.png", "b1.jpg", "c.jpg", "note.txt", "sub/c.txt"):
        put(folder, name, WHOLE)
    with Watch(folder, spool, pattern=pattern) as watch:
        watch.settle()

    assert watch.given == [(name, None) for name in taken]


def test_a_file_with_the_name_of_a_picture_that_is_none_is_a_fault(folder: Path, spool: Path) -> None:
    put(folder, "a.png", b"shift report\n" * 100)
    os.mkfifo(folder / "b.png")
    with Watch(folder, spool) as watch:
        watch.settle()

    assert watch.given == [("a.png", Reason.UNREADABLE), ("b.png", Reason.UNREADABLE)]


def test_links_that_lead_out_of_the_folder_are_left_alone_and_logged(
    folder: Path, spool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "outside", "secret.png", WHOLE)
    inside = put(folder, "a.png", WHOLE)
    (folder / "file.png").symlink_to(tmp_path / "outside/secret.png")
    (folder / "chain.png").symlink_to("file.png")
    (folder / "sub").symlink_to(tmp_path / "outside")
    (folder / "loop").symlink_to(folder)
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "inside.png").symlink_to(inside.name)
    with caplog.at_level(logging.WARNING), Watch(folder, spool, pattern="**/*.png") as watch:
        watch.settle()
        put(tmp_path, "beside.png", WHOLE)
        (tmp_path / "link.png").symlink_to(tmp_path / "beside.png")
        (tmp_path / "link.png").rename(folder / "late.png")
        watch.settle()

    assert watch.given == [("a.png", None), ("inside.png", None)]
    assert "link out of the folder" in caplog.text
    assert "linked folder" in caplog.text
    assert watch.left_alone == 5


def test_a_folder_that_is_read_once_does_not_follow_links_out_either(folder: Path, tmp_path: Path) -> None:
    secret = put(tmp_path / "outside", "secret.png", WHOLE)
    put(folder, "a.png", WHOLE)
    (folder / "file.png").symlink_to(secret)
    (folder / "sub").symlink_to(secret.parent)
    camera = FolderCamera(Settings(kind="folder", path=folder, pattern="**/*.png", watch=False), station="cell")
    assert [capture.source for capture in camera.frames()] == ["a.png"]


def test_a_link_that_is_put_there_after_the_look_is_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = put(tmp_path / "outside", "secret.png", WHOLE)
    for name in ("a.png", "b.png"):
        put(folder, name, WHOLE)
    (tmp_path / "door").symlink_to(folder)
    frames = FolderCamera(Settings(kind="folder", path=tmp_path / "door", watch=False), station="cell").frames()
    assert not isinstance(next(frames), LostFrame)
    (folder / "b.png").unlink()
    (folder / "b.png").symlink_to(secret)
    lost = next(frames)
    assert isinstance(lost, LostFrame)
    assert "leads out of its folder" in lost.detail
