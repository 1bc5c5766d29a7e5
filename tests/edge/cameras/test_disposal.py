from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cameras.folder.disposal import Disposal
from firmware_config.cameras import FolderCamera as Settings
from tests.support.watched_folder import other_file_system


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    folder = other_file_system(tmp_path)
    if folder is None:
        pytest.skip("this machine has one file system that may be written to")
    yield folder
    shutil.rmtree(folder)


def disposal(path: Path, now: list[float], **settings: object) -> Disposal:
    return Disposal(Settings.model_validate({"kind": "folder", "path": path, **settings}), station="cell-01", monotonic=lambda: now[0])


def written(path: Path) -> tuple[Path, tuple[int, int]]:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * 10_000)
    facts = path.stat()
    return path, (facts.st_size, facts.st_mtime_ns)


def test_a_copy_to_another_file_system_that_breaks_off_leaves_the_file_and_no_half_copy(tmp_path: Path, far: Path) -> None:
    path, facts = written(tmp_path / "pictures/a.png")
    moving = disposal(path.parent, [0.0], after="move", move_to=far)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
    try:
        gone = moving.dispose({path: facts})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert gone == []
    assert path.read_bytes() == b"x" * 10_000
    assert list(far.iterdir()) == []


@pytest.mark.parametrize("settings", [{"after": "delete"}, {"after": "move"}])
def test_a_file_that_is_not_what_was_judged_is_left(tmp_path: Path, settings: dict[str, object]) -> None:
    path, (size, mtime_ns) = written(tmp_path / "pictures/a.png")
    (tmp_path / "judged").mkdir()
    settings |= {"move_to": tmp_path / "judged"} if settings["after"] == "move" else {}

    for facts in ((size + 1, mtime_ns), (size, mtime_ns - 1)):
        disposal(path.parent, [0.0], **settings).dispose({path: facts})

    assert path.exists()


def test_after_a_failure_it_waits_before_it_tries_again(tmp_path: Path) -> None:
    now = [0.0]
    path, facts = written(tmp_path / "pictures/a.png")
    moving = disposal(path.parent, now, after="move", move_to=tmp_path / "gone")

    first = moving.dispose({path: facts}), moving.is_due, [trouble.code for trouble in moving.troubles()]
    now[0] = 6.0
    due_later = moving.is_due
    (tmp_path / "gone").mkdir()
    second = moving.dispose({path: facts}), moving.is_due, moving.troubles()

    assert first == ([], False, ["file_not_moved"])
    assert due_later
    assert second == ([path], True, ())


def test_a_file_that_somebody_else_has_taken_away_is_no_failure(tmp_path: Path) -> None:
    path, facts = written(tmp_path / "pictures/a.png")
    path.unlink()
    deleting = disposal(path.parent, [0.0], after="delete")

    assert deleting.dispose({path: facts}) == []
    assert deleting.troubles() == ()


def test_one_file_that_cannot_be_deleted_does_not_hold_up_the_others(tmp_path: Path) -> None:
    bad = tmp_path / "pictures/a.png"
    bad.mkdir(parents=True)  # cannot be unlinked
    facts = bad.stat()
    judged = {bad: (facts.st_size, facts.st_mtime_ns)} | dict(written(tmp_path / "pictures" / name) for name in ("b.png", "c.png"))
    deleting = disposal(bad.parent, [0.0], after="delete")

    first = deleting.dispose(judged)
    second = deleting.dispose(judged)
    trouble = deleting.troubles()
    bad.rmdir()
    deleting.dispose({})

    assert first == []
    assert [path.name for path in second] == ["b.png", "c.png"]
    assert [each.code for each in trouble] == ["file_not_moved"]
    assert deleting.troubles() == ()
