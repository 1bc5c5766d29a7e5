"""A folder on a share that hangs: nothing can end the call, so it is said, and nothing waits for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.folder import FolderCamera
from edge.cameras.folder.inotify import FileEvent
from edge.cameras.outage import HANGS_S, Outage
from edge.records import Capture, Reason
from firmware_config.cameras import FolderCamera as Settings
from tests.support.picture_files import png
from tests.support.tiny_bundle import is_one_sentence

PATIENCE_S = 30.0


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def ns(self) -> int:
        return int(self.now_s * 1e9)


class HungReports:
    """Reports whose reading hangs like a system call, until the test lets it go."""

    def __init__(self) -> None:
        self.hangs, self.let_go = threading.Event(), threading.Event()

    def watch(self, folders: Sequence[Path]) -> None: ...

    def wait(self, timeout_s: float) -> bool:
        self.let_go.wait(timeout_s)
        return False

    def read(self) -> tuple[list[FileEvent], bool]:
        self.hangs.set()
        self.let_go.wait(PATIENCE_S)
        return [], False

    def close(self) -> None: ...


def test_a_folder_that_hangs_is_a_trouble_until_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    clock, reports = Clock(), HungReports()
    captures: list[Capture] = []
    camera = FolderCamera(
        Settings(kind="folder", path=tmp_path, poll_ms=10, stand_still_ms=20),
        station="cell-01",
        captures=CaptureFactory("cell-01", monotonic_ns=clock.ns),
        open_events=lambda: reports,
    )
    first = threading.Event()

    def read() -> None:
        for capture in camera.frames():
            captures.append(capture)
            first.set()

    reading = threading.Thread(target=read)
    reading.start()
    assert reports.hangs.wait(PATIENCE_S)

    at_first = camera.troubles()
    clock.now_s += HANGS_S + 1
    (trouble,) = camera.troubles()
    reports.let_go.set()
    assert first.wait(PATIENCE_S)
    camera.close()
    reading.join(PATIENCE_S)

    assert at_first == ()
    assert trouble.code == Reason.CAMERA_STALLED.value
    assert is_one_sentence(trouble.detail)
    assert str(tmp_path) in trouble.detail
    assert [capture.source for capture in captures] == ["a.png"]
    assert camera.troubles() == ()


def test_what_ends_in_time_or_by_an_error_is_no_hang() -> None:
    clock = Clock()
    outage = Outage(CaptureFactory("cell-01", monotonic_ns=clock.ns))

    with outage.during("reading the folder /share"):
        clock.now_s += HANGS_S - 1
    with pytest.raises(FileNotFoundError), outage.during("reading the folder /share"):
        Path("/nowhere/at/all").stat()
    clock.now_s += 100

    assert outage.troubles() == ()
