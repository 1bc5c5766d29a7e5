"""A watched folder over restarts, outages and changed files: nothing is judged twice, and nothing is skipped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.records import Reason
from tests.support.watched_folder import DAY_S, STAND_STILL_S, Watch, move_in, picture, put, slow_writer

WHOLE = picture(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.sqlite"


# A file that changes after it was judged.


def rewrite(path: Path) -> None:
    path.write_bytes(picture(2))


def replace_by_rename(path: Path) -> None:
    move_in(path.parent, path.name, picture(2))


def rewrite_with_the_old_time(path: Path) -> None:
    facts = path.stat()
    raw = picture(2).ljust(facts.st_size, b"\0")
    path.write_bytes(raw[: facts.st_size])
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.mark.parametrize("replace", [rewrite, replace_by_rename])
@pytest.mark.parametrize("reports", [True, False], ids=["reported", "unreported"])
def test_a_file_with_new_content_counts_again(folder: Path, spool: Path, replace: Callable[[Path], None], *, reports: bool) -> None:
    path = put(folder, "a.png", WHOLE)
    with Watch(folder, spool, reports=reports) as watch:
        watch.settle()
        replace(path)
        watch.settle()

    assert watch.given == [("a.png", None), ("a.png", None)]
    assert watch.pixels[0] != watch.pixels[1]


def test_new_content_of_the_same_size_and_time_counts_again(folder: Path, spool: Path) -> None:
    path = put(folder, "a.png", WHOLE.ljust(5_000, b"\0"))
    with Watch(folder, spool) as watch:
        watch.settle()
        rewrite_with_the_old_time(path)
        watch.settle()

    assert [source for source, _ in watch.given] == ["a.png", "a.png"]


def test_a_file_that_is_replaced_while_the_box_is_down_counts_again(folder: Path, spool: Path) -> None:
    path = put(folder, "a.png", WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()
    rewrite(path)
    with Watch(folder, spool) as again:
        again.settle()

    assert watch.given == again.given == [("a.png", None)]
    assert watch.pixels != again.pixels


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def write_the_same(path: Path) -> None:
    path.write_bytes(path.read_bytes())


def replace_by_the_same(path: Path) -> None:
    move_in(path.parent, path.name, path.read_bytes())


def change_rights(path: Path) -> None:
    path.chmod(0o600)


SAME = [touch, write_the_same, replace_by_the_same, change_rights]


@pytest.mark.parametrize("touched", SAME)
@pytest.mark.parametrize("reports", [True, False], ids=["reported", "unreported"])
def test_a_file_with_the_same_content_is_the_same_picture(
    folder: Path, spool: Path, touched: Callable[[Path], None], *, reports: bool
) -> None:
    path = put(folder, "a.png", WHOLE)
    with Watch(folder, spool, reports=reports) as watch:
        watch.settle()
        touched(path)
        watch.settle()

    assert watch.given == [("a.png", None)]


@pytest.mark.parametrize("touched", SAME)
def test_a_file_that_is_touched_while_the_box_is_down_is_the_same_picture(
    folder: Path, spool: Path, touched: Callable[[Path], None]
) -> None:
    path = put(folder, "a.png", WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()
    touched(path)
    with Watch(folder, spool) as again:
        again.settle()

    assert watch.given == [("a.png", None)]
    assert again.given == []


# A restart.


@pytest.mark.parametrize("reports", [True, False], ids=["reported", "unreported"])
def test_after_a_restart_nothing_is_judged_twice_and_nothing_is_skipped(folder: Path, spool: Path, *, reports: bool) -> None:
    for number in range(200):
        put(folder, f"{number:03}.png", picture(number % 60))
    put(folder, "broken.png", b"no picture")
    with Watch(folder, spool, reports=reports) as first:
        first.settle()
        first.wait_for(201)
    for number in range(200, 210):
        put(folder, f"{number:03}.png", picture(number % 60))
    with Watch(folder, spool, reports=reports) as second:
        second.settle()
        second.wait_for(10)
    with Watch(folder, spool, reports=reports) as third:
        third.settle()

    assert [source for source, _ in first.given] == [*(f"{number:03}.png" for number in range(200)), "broken.png"]
    assert second.given == [(f"{number:03}.png", None) for number in range(200, 210)]
    assert third.given == []


def test_what_was_not_committed_before_the_end_is_judged_after_it(folder: Path, spool: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        put(folder, name, WHOLE)
    with Watch(folder, spool) as watch:
        captures = watch.camera.frames()
        watch.settle()
        captures.close()  # type: ignore[attr-defined]  # a generator
    first = len(watch.given)
    with Watch(folder, spool) as again:
        again.settle()

    assert first + len(again.given) == 3


@pytest.mark.parametrize("raw", [b"", b"no picture", WHOLE[:100]], ids=["empty", "no picture", "cut off"])
def test_a_fault_counts_as_judged_after_a_restart(folder: Path, spool: Path, raw: bytes) -> None:
    put(folder, "a.png", raw)
    with Watch(folder, spool) as watch:
        watch.settle()
    with Watch(folder, spool) as again:
        again.settle()

    assert len(watch.given) == 1
    assert again.given == []


def test_a_file_that_is_too_large_is_one_fault_also_after_a_restart(folder: Path, spool: Path) -> None:
    put(folder, "a.png", WHOLE)
    with Watch(folder, spool, max_bytes=50) as watch:
        watch.settle()
    with Watch(folder, spool, max_bytes=50) as again:
        again.settle()

    assert watch.given == [("a.png", Reason.TOO_LARGE)]
    assert again.given == []


# Files and folders that go.


def test_a_file_that_goes_before_it_is_whole_is_nothing(folder: Path, spool: Path) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        with slow_writer(folder / "a.png", WHOLE):
            watch.look()
            (folder / "a.png").unlink()
        watch.settle()

    assert watch.given == []


def test_a_file_that_is_gone_and_written_again_is_a_new_picture(folder: Path, spool: Path) -> None:
    path = put(folder, "a.png", WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()
        path.unlink()
        watch.look()
        put(folder, "a.png", WHOLE)
        watch.wait_for(2)
        watch.settle()

    assert watch.given == [("a.png", None), ("a.png", None)]


@pytest.mark.parametrize("down", [True, False], ids=["over a restart", "while it runs"])
def test_a_file_that_comes_back_as_it_was_is_not_judged_again(folder: Path, spool: Path, tmp_path: Path, *, down: bool) -> None:
    path = put(folder, "a.png", WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()
        path.rename(tmp_path / "away.png")
        watch.look()
        if not down:
            (tmp_path / "away.png").rename(path)
        watch.settle()
    if down:
        (tmp_path / "away.png").rename(path)
    with Watch(folder, spool) as again:
        again.settle()

    assert watch.given == [("a.png", None)]
    assert again.given == []


def test_files_that_are_gone_for_days_are_forgotten(folder: Path, spool: Path) -> None:
    paths = [put(folder, name, WHOLE) for name in ("a.png", "b.png")]
    with Watch(folder, spool, keep_s=7 * DAY_S) as watch:
        watch.settle()
        paths[0].unlink()
        watch.look()
        watch.now_s += 6 * DAY_S
        watch.spool.prune()
        before = watch.spool.judged_files("cell-01").find("a.png")
        watch.now_s += 2 * DAY_S
        watch.spool.prune()
        after = [watch.spool.judged_files("cell-01").find(name) for name in ("a.png", "b.png")]

    assert before is not None
    assert [file is not None for file in after] == [False, True]


def test_a_folder_that_goes_and_comes_back_is_one_fault_and_nothing_is_judged_again(folder: Path, spool: Path, tmp_path: Path) -> None:
    put(folder, "a.png", WHOLE)
    with Watch(folder, spool) as watch:
        watch.settle()
        folder.rename(tmp_path / "away")
        watch.wait_for(2)
        (trouble,) = watch.camera.troubles()
        for _ in range(20):
            watch.now_s += STAND_STILL_S
        put(tmp_path / "away", "b.png", WHOLE)
        (tmp_path / "away").rename(folder)
        watch.settle()
        watch.wait_for(3)
        watch.settle()
        after = watch.camera.troubles()

    assert watch.given == [("a.png", None), (str(folder), Reason.CAMERA_UNREACHABLE), ("b.png", None)]
    assert trouble.code == "camera_unreachable"
    assert str(folder) in trouble.detail
    assert after == ()


def test_a_folder_that_is_not_there_at_the_start_is_one_fault_and_then_watched(folder: Path, spool: Path) -> None:
    folder.rmdir()
    with Watch(folder, spool) as watch:
        watch.wait_for(1)
        put(folder, "a.png", WHOLE)
        watch.settle()
        watch.wait_for(2)

    assert watch.given == [(str(folder), Reason.CAMERA_UNREACHABLE), ("a.png", None)]


def test_each_outage_is_one_fault(folder: Path, spool: Path, tmp_path: Path) -> None:
    with Watch(folder, spool) as watch:
        for count in (1, 2, 3):
            watch.look()
            folder.rename(tmp_path / "away")
            watch.wait_for(count)
            (tmp_path / "away").rename(folder)
        watch.look()

    assert watch.given == [(str(folder), Reason.CAMERA_UNREACHABLE)] * 3


def test_a_new_folder_in_the_place_of_the_old_one_is_watched(folder: Path, spool: Path, tmp_path: Path) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        folder.rename(tmp_path / "old")
        folder.mkdir()
        watch.settle()
        put(folder, "a.png", WHOLE)
        watch.wait_for(len(watch.given) + 1)

    assert watch.given[-1] == ("a.png", None)
