"""Files as they come into a watched folder: each is judged when it is whole, once, however slowly or oddly it is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.records import LostFrame, Reason
from tests.support.watched_folder import PATIENCE_S, STAND_STILL_S, LimitedReports, Watch, move_in, picture, put, slow_writer

WHOLE = picture(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.sqlite"


def decoded(raw: bytes, tmp_path: Path) -> bytes:
    """The pixels of a picture file, as a box that saw nothing but it gives them."""
    alone = tmp_path / "alone"
    alone.mkdir(exist_ok=True)
    put(alone, "a.png", raw)
    with Watch(alone, tmp_path / "alone.sqlite") as watch:
        watch.settle()
    return watch.pixels[0]


# A copy that is under way.


@pytest.mark.parametrize("reserve", [True, False], ids=["full length first", "growing"])
@pytest.mark.parametrize("stall_s", [2.5, 30.0])
def test_a_slow_copy_is_one_verdict_of_the_whole_picture(
    folder: Path, spool: Path, tmp_path: Path, stall_s: float, *, reserve: bool
) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        with slow_writer(folder / "a.png", WHOLE, reserve=reserve):
            watch.settle(stall_s)
            assert watch.given == []
        watch.wait_for(1)
        watch.settle()

    assert watch.given == [("a.png", None)]
    assert watch.pixels == [decoded(WHOLE, tmp_path)]


def test_a_copy_that_stalls_again_and_again_is_one_verdict(folder: Path, spool: Path) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        with (folder / "a.png").open("wb", buffering=0) as file:
            file.truncate(len(WHOLE))
            for at in range(0, len(WHOLE), 400):
                file.write(WHOLE[at : at + 400])
                watch.settle(20.0)
        watch.wait_for(1)
        watch.settle()

    assert watch.given == [("a.png", None)]


@pytest.mark.parametrize("stall_s", [2.5, 4.5])
def test_a_slow_copy_of_which_nothing_is_reported_is_one_verdict(folder: Path, spool: Path, stall_s: float) -> None:
    with Watch(folder, spool, reports=False) as watch:
        with slow_writer(folder / "a.png", WHOLE):
            watch.settle(stall_s)
        watch.settle(STAND_STILL_S - 1.0)
        assert watch.given == []
        watch.settle()

    assert watch.given == [("a.png", None)]


def test_a_copy_that_grows_for_a_minute_unreported_is_one_verdict(folder: Path, spool: Path) -> None:
    with Watch(folder, spool, reports=False) as watch:
        with (folder / "a.png").open("wb", buffering=0) as file:
            for at in range(0, len(WHOLE), 200):
                file.write(WHOLE[at : at + 200])
                watch.settle(4.0)
        watch.settle()

    assert watch.given == [("a.png", None)]


def test_a_pause_that_is_longer_than_the_station_says_is_a_fault_and_then_the_whole_picture(folder: Path, spool: Path) -> None:
    with Watch(folder, spool, reports=False) as watch:
        with slow_writer(folder / "a.png", WHOLE, reserve=False):
            watch.settle(STAND_STILL_S + 1.0)
        watch.settle()

    assert watch.given == [("a.png", Reason.UNREADABLE), ("a.png", None)]


def test_the_station_sets_how_long_an_unreported_file_must_stand_still(folder: Path, spool: Path) -> None:
    with Watch(folder, spool, reports=False, stand_still_ms=30_000) as watch:
        with slow_writer(folder / "a.png", WHOLE):
            watch.settle(25.0)
            assert watch.given == []
        watch.settle(30.0)

    assert watch.given == [("a.png", None)]


def test_a_file_that_was_open_before_the_start_must_stand_still(folder: Path, spool: Path) -> None:
    with slow_writer(folder / "a.png", WHOLE), Watch(folder, spool) as watch:
        watch.settle(2.5)

    assert watch.given == []


def test_a_file_that_was_open_before_the_start_is_taken_when_it_is_closed(folder: Path, spool: Path) -> None:
    writing = slow_writer(folder / "a.png", WHOLE)
    writing.__enter__()
    with Watch(folder, spool) as watch:
        watch.settle(2.5)
        writing.__exit__(None, None, None)
        watch.wait_for(1)
        watch.settle()

    assert watch.given == [("a.png", None)]


def test_a_copy_that_is_never_finished_is_one_fault_and_is_judged_if_it_is_closed_after_all(folder: Path, spool: Path) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        with slow_writer(folder / "a.png", WHOLE):
            watch.settle(59.0)
            assert watch.given == []
            watch.settle(10.0)
            watch.settle(1_000.0)
            assert watch.given == [("a.png", Reason.UNREADABLE)]
        watch.wait_for(2)
        watch.settle()

    assert watch.given == [("a.png", Reason.UNREADABLE), ("a.png", None)]
    (lost, _) = watch.captures
    assert isinstance(lost, LostFrame)
    assert "open for writing for 60 s" in lost.detail


def test_a_writer_that_dies_half_way_leaves_one_fault(folder: Path, spool: Path) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        put(folder, "a.png", WHOLE[: len(WHOLE) // 2])
        watch.wait_for(1)
        watch.settle()

    assert watch.given == [("a.png", Reason.UNREADABLE)]


def test_a_file_that_is_made_empty_first_is_judged_when_it_has_content(folder: Path, spool: Path) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        (folder / "a.png").touch()
        watch.settle(1.0)
        put(folder, "a.png", WHOLE)
        watch.wait_for(1)
        (folder / "b.png").touch()
        watch.settle()

    assert watch.given == [("a.png", None), ("b.png", Reason.EMPTY)]


# Reports that are lost, or not to be had.


def test_when_reports_are_lost_every_file_is_still_one_verdict(folder: Path, spool: Path, caplog: pytest.LogCaptureFixture) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    with Watch(folder, spool) as watch:
        watch.look()
        with watch.held:
            put(folder, "00.png", WHOLE)
            assert watch.given_one.wait(PATIENCE_S)  # from here on nobody reads reports
            with (folder / "x.txt").open("wb", buffering=0) as one, (folder / "y.txt").open("wb", buffering=0) as other:
                for _ in range(most):  # in turn: the same report twice in a row is one
                    one.write(b"x")
                    other.write(b"y")
            for number in range(1, 20):
                put(folder, f"{number:02}.png", picture(number))
            with slow_writer(folder / "slow.png", WHOLE):
                pass
        watch.settle()
        watch.wait_for(21)
        watch.settle()

    assert sorted(source for source, _ in watch.given) == [*(f"{number:02}.png" for number in range(20)), "slow.png"]
    assert "too many reports" in caplog.text


def test_when_no_more_folders_may_be_watched_files_are_taken_when_they_stand_still(
    folder: Path, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Watch(folder, spool, reports=LimitedReports, pattern="**/*.png") as watch:
        watch.look()
        put(folder, "a.png", WHOLE)
        watch.wait_for(1)
        put(folder, "sub/b.png", WHOLE)
        watch.look()
        put(folder, "c.png", WHOLE)
        watch.settle(1.0)
        early = watch.given
        watch.settle()

    assert early == [("a.png", None)]
    assert sorted(watch.given) == [("a.png", None), ("c.png", None), ("sub/b.png", None)]
    assert "inotify reports nothing station=" in caplog.text


def test_a_file_that_is_removed_before_its_turn_is_a_fault_and_one_that_is_renamed_is_a_picture(folder: Path, spool: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        put(folder, name, picture(ord(name[0])))
    with Watch(folder, spool) as watch:
        with watch.held:
            watch.looks.wait_for(2)
            watch.now_s += STAND_STILL_S
            watch.looks.wait_for(3)
            (folder / "b.png").unlink()
            (folder / "c.png").rename(folder / "d.png")
        watch.settle()

    assert watch.given == [("a.png", None), ("b.png", Reason.UNREADABLE), ("d.png", None)]


# Ways in which a file comes.


def hard_link(folder: Path, name: str, raw: bytes) -> Path:
    (folder / name).hardlink_to(put(folder.parent / "beside", name, raw))
    return folder / name


def copy_with_its_time(folder: Path, name: str, raw: bytes) -> Path:
    """As many programs do: write, close, set the time of the original."""
    original = put(folder.parent / "beside", name, raw)
    os.utime(original, ns=(5, 5))
    return Path(shutil.copy2(original, folder / name))


WAYS: dict[str, Callable[[Path, str, bytes], Path]] = {
    "written": put,
    "renamed into place": move_in,
    "hard link": hard_link,
    "copied with its time": copy_with_its_time,
}


@pytest.mark.parametrize("reports", [True, False], ids=["reported", "unreported"])
@pytest.mark.parametrize("way", WAYS)
def test_a_file_is_one_verdict_however_it_comes(folder: Path, spool: Path, way: str, *, reports: bool) -> None:
    with Watch(folder, spool, reports=reports) as watch:
        watch.look()
        for name in ("b.png", "a.png"):
            WAYS[way](folder, name, WHOLE)
            watch.settle()

    assert watch.given == [("b.png", None), ("a.png", None)]


@pytest.mark.parametrize("way", ["written", "renamed into place", "copied with its time"])
def test_a_file_that_is_reported_is_taken_at_once(folder: Path, spool: Path, way: str) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        WAYS[way](folder, "a.png", WHOLE)
        watch.wait_for(1)  # the clock stands still
        watch.settle()

    assert watch.given == [("a.png", None)]


@pytest.mark.parametrize("temporary", ["a.png.part", "a.tmp", ".a.png", "a.png~", "a.png.crdownload"])
def test_a_picture_that_is_renamed_when_it_is_whole_is_one_verdict(folder: Path, spool: Path, temporary: str) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        put(folder, temporary, WHOLE)
        watch.settle()
        (folder / temporary).rename(folder / "a.png")
        watch.wait_for(1)
        watch.settle()

    assert watch.given == [("a.png", None)]


def test_pictures_in_sub_folders_are_found_also_in_new_ones(folder: Path, spool: Path) -> None:
    put(folder, "old/a.png", WHOLE)
    with Watch(folder, spool, pattern=["*.png", "**/*.png"]) as watch:
        watch.settle()
        put(folder, "new/deep/b.png", WHOLE)
        watch.settle()
        put(folder, "new/deep/c.png", WHOLE)
        watch.wait_for(3)
        watch.settle()

    assert watch.given == [("old/a.png", None), ("new/deep/b.png", None), ("new/deep/c.png", None)]


def test_a_name_that_is_no_utf_8_is_a_name(folder: Path, spool: Path) -> None:
    name = os.fsdecode(b"t\xe9st.png")
    put(folder, name, WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()
    with Watch(folder, spool) as again:
        again.settle()

    assert watch.given == [(name, None)]
    assert again.given == []
