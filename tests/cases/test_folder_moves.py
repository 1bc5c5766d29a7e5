"""What happens to a file of a watched folder after its verdict: it is left, moved or deleted, and no verdict is lost by that."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cameras.folder.inotify import FolderEvents
from edge.records import Frame
from tests.support.watched_folder import Watch, other_file_system, picture, put

WHOLE = picture(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.sqlite"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "judged").mkdir()
    return tmp_path / "judged"


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    folder = other_file_system(tmp_path)
    if folder is None:
        pytest.skip("this machine has one file system that may be written to")
    yield folder
    shutil.rmtree(folder)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_are_left_by_default(folder: Path, spool: Path) -> None:
    put(folder, "a.png", WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()

    assert names(folder) == ["a.png"]


def test_a_judged_file_is_deleted_if_the_station_says_so(folder: Path, spool: Path) -> None:
    put(folder, "a.png", WHOLE)
    put(folder, "b.png", b"no picture")
    put(folder, "notes.txt", b"no picture")
    with Watch(folder, spool, after="delete") as watch:
        watch.settle()
        watch.look()

    assert len(watch.given) == 2
    assert names(folder) == ["notes.txt"]


class LateReports(FolderEvents):
    """On a busy machine much happens while no report is waited for: it is read with the whole folder, or before a file is."""

    def wait(self, timeout_s: float) -> bool:
        super().wait(timeout_s)
        return False


@pytest.mark.parametrize("after", ["delete", "move"])
def test_a_judged_file_that_the_box_took_away_is_not_missed(folder: Path, spool: Path, target: Path, after: str) -> None:
    settings: dict[str, Any] = {"after": after} | ({"move_to": target} if after == "move" else {})
    count = 5
    with Watch(folder, spool, reports=LateReports, **settings) as watch:
        watch.look()
        for number in range(count):
            put(folder, f"{number}.png", picture(number))
            watch.wait_for(number + 1)
            watch.look(3)

    assert watch.given == [(f"{number}.png", None) for number in range(count)]


def test_a_judged_file_is_moved_with_a_number_where_its_name_is_taken(folder: Path, spool: Path, target: Path) -> None:
    put(target, "a.png", b"older")
    with Watch(folder, spool, after="move", move_to=target) as watch:
        watch.look()
        for number in range(3):
            put(folder, "a.png", picture(number))
            watch.wait_for(number + 1)
            watch.look(3)

    assert names(folder) == []
    assert names(target) == ["a-1.png", "a-2.png", "a-3.png", "a.png"]
    assert (target / "a.png").read_bytes() == b"older"
    assert (target / "a-3.png").read_bytes() == picture(2)


def test_the_same_bytes_written_again_after_a_move_are_another_picture(folder: Path, spool: Path, target: Path) -> None:
    with Watch(folder, spool, after="move", move_to=target) as watch:
        watch.look()
        for number in range(2):
            put(folder, "a.png", WHOLE)
            watch.wait_for(number + 1)
            watch.look(3)

    assert watch.given == [("a.png", None)] * 2


def test_pictures_of_sub_folders_are_moved_into_one_folder(folder: Path, spool: Path, target: Path) -> None:
    for name in ("one/a.png", "two/a.png"):
        put(folder, name, WHOLE)
    with Watch(folder, spool, pattern="*/*.png", after="move", move_to=target) as watch:
        watch.settle()
        watch.look()

    assert names(target) == ["a-1.png", "a.png"]


def test_a_judged_file_is_moved_to_another_file_system(folder: Path, spool: Path, far: Path) -> None:
    path = put(folder, "a.png", WHOLE)
    os.utime(path, ns=(5 * 10**9, 5 * 10**9))
    with Watch(folder, spool, after="move", move_to=far) as watch:
        watch.settle()
        watch.look()

    assert watch.given == [("a.png", None)]
    assert names(folder) == []
    assert names(far) == ["a.png"]
    assert (far / "a.png").read_bytes() == WHOLE
    assert (far / "a.png").stat().st_mtime == 5.0


def test_a_file_that_cannot_be_moved_stays_keeps_its_verdict_and_is_moved_later(
    folder: Path, spool: Path, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target.rmdir()
    put(folder, "a.png", WHOLE)
    with caplog.at_level(logging.INFO), Watch(folder, spool, after="move", move_to=target) as watch:
        watch.settle()
        watch.settle(60.0)
        (trouble,) = watch.camera.troubles()
        there = names(folder)
        target.mkdir()
        watch.settle(60.0)
        after = watch.camera.troubles()

    assert watch.given == [("a.png", None)]
    assert trouble.code == "file_not_moved"
    assert str(target) in trouble.detail
    assert sum("moving the judged file" in record.getMessage() for record in caplog.records) == 1
    assert there == ["a.png"]
    assert (names(folder), names(target), after) == ([], ["a.png"], ())


def test_a_target_that_is_a_file_is_said(folder: Path, spool: Path, tmp_path: Path) -> None:
    put(folder, "a.png", WHOLE)
    put(tmp_path, "blocked", b"")
    with Watch(folder, spool, after="move", move_to=tmp_path / "blocked") as watch:
        watch.settle()
        watch.look()
        troubles = watch.camera.troubles()

    assert [trouble.code for trouble in troubles] == ["file_not_moved"]
    assert watch.given == [("a.png", None)]


def test_what_was_judged_and_not_moved_before_the_end_is_moved_after_it(folder: Path, spool: Path, target: Path) -> None:
    put(folder, "a.png", WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()
    with Watch(folder, spool, after="move", move_to=target) as again:
        again.settle()

    assert watch.given == [("a.png", None)]
    assert again.given == []
    assert (names(folder), names(target)) == ([], ["a.png"])


def test_a_file_that_is_written_again_is_judged_before_it_is_deleted(folder: Path, spool: Path) -> None:
    path = put(folder, "a.png", WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()
    path.write_bytes(picture(2))
    with Watch(folder, spool, after="delete") as again:
        again.look()
        there = names(folder)
        again.settle()
        again.look()

    assert there == ["a.png"]
    assert len(again.pixels) == 1
    assert names(folder) == []


def test_every_frame_says_which_file_it_was(folder: Path, spool: Path) -> None:
    path = put(folder, "a.png", WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()

    (frame,) = watch.captures
    assert isinstance(frame, Frame)
    assert frame.file is not None
    assert (frame.file.name, frame.file.size_bytes, frame.file.mtime_ns) == ("a.png", len(WHOLE), path.stat().st_mtime_ns)


def test_what_the_box_moved_away_is_not_remembered_for_days(folder: Path, spool: Path, target: Path) -> None:
    put(folder, "a.png", WHOLE)
    with Watch(folder, spool, after="move", move_to=target) as watch:
        watch.settle()
        watch.look()
        known = watch.spool.judged_files("cell-01").find("a.png")

    assert names(target) == ["a.png"]
    assert known is None
