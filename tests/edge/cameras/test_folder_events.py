from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cameras.folder.inotify import FileEvent, FolderEvents, Happened


@pytest.fixture
def events() -> Iterator[FolderEvents]:
    opened = FolderEvents()
    yield opened
    opened.close()


def test_what_happens_to_files_is_reported_in_order(events: FolderEvents, tmp_path: Path) -> None:
    events.watch([tmp_path])
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "a.png").rename(tmp_path / "b.png")

    assert events.wait(0)
    assert events.read() == (
        [
            FileEvent(tmp_path / "a.png", Happened.WRITTEN),
            FileEvent(tmp_path / "a.png", Happened.CLOSED),
            FileEvent(tmp_path / "a.png", Happened.MOVED_AWAY),
            FileEvent(tmp_path / "b.png", Happened.MOVED_IN),
        ],
        False,
    )
    assert not events.wait(0)


def test_reading_and_sub_folders_and_other_folders_are_not_reported(events: FolderEvents, tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "here/a.png").write_bytes(b"x")
    events.watch([tmp_path / "here"])

    (tmp_path / "here/a.png").read_bytes()
    (tmp_path / "here/sub").mkdir()
    (tmp_path / "here/sub").rename(tmp_path / "here/other")
    (tmp_path / "there/b.png").write_bytes(b"x")

    assert events.read() == ([], False)


def test_a_folder_that_is_no_longer_wanted_is_not_reported(events: FolderEvents, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    events.watch([tmp_path / "one", tmp_path / "two"])
    events.watch([tmp_path / "two"])
    for name in ("one", "two"):
        (tmp_path / name / "a.png").write_bytes(b"")

    assert events.read() == ([FileEvent(tmp_path / "two/a.png", Happened.CLOSED)], False)


def test_a_folder_that_is_gone_is_none_to_watch(events: FolderEvents, tmp_path: Path) -> None:
    events.watch([tmp_path / "gone", tmp_path])
    (tmp_path / "a.png").write_bytes(b"")

    assert events.read()[0] == [FileEvent(tmp_path / "a.png", Happened.CLOSED)]


def test_reports_that_were_too_many_are_said_to_be_lost(events: FolderEvents, tmp_path: Path) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    events.watch([tmp_path])
    with (tmp_path / "a").open("wb", buffering=0) as one, (tmp_path / "b").open("wb", buffering=0) as other:
        for _ in range(most):
            one.write(b"x")
            other.write(b"x")

    read, lost = events.read()

    assert lost
    assert len(read) >= most - 1
    assert events.read()[1] is False


def test_closing_twice_is_closing(events: FolderEvents) -> None:
    events.close()
    events.close()
