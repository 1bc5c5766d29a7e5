"""Files as they come into a watched folder: each is judged once and whole, whatever its writer and the box do."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.records import Frame, LostFrame, Reason
from tests.support.watched_folder import DAY_S, STAND_STILL_S, LimitedReports, Watch, move_in, other_file_system, picture, put, slow_writer

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
    assert "inotify reports nothing of folder" in caplog.text


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


WAYS: dict[str, Callable[[Path, str, bytes], Path]] = {"written": put, "renamed into place": move_in, "hard link": hard_link}


@pytest.mark.parametrize("reports", [True, False], ids=["reported", "unreported"])
@pytest.mark.parametrize("way", WAYS)
def test_a_file_is_one_verdict_however_it_comes(folder: Path, spool: Path, way: str, *, reports: bool) -> None:
    with Watch(folder, spool, reports=reports) as watch:
        watch.look()
        for name in ("b.png", "a.png"):
            WAYS[way](folder, name, WHOLE)
            watch.settle()

    assert watch.given == [("b.png", None), ("a.png", None)]


@pytest.mark.parametrize("way", ["written", "renamed into place"])
def test_a_file_that_is_reported_is_taken_at_once(folder: Path, spool: Path, way: str) -> None:
    with Watch(folder, spool) as watch:
        watch.look()
        WAYS[way](folder, "a.png", WHOLE)
        watch.wait_for(1)  # the clock stands still


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


# Names.

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


@pytest.mark.parametrize("name", ["A.PNG", "b.Jpg", "c.JPEG", "d.bMp", "e.TIFF", "f.WebP", "g.PPM"])
def test_endings_are_taken_in_any_case(folder: Path, spool: Path, name: str) -> None:
    kind = {"jpg": "jpeg"}.get(ending := name.rpartition(".")[2].lower(), ending)
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


# What happens to a file after its verdict.


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
    rewrite(path)
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
