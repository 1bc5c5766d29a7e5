"""What every camera must keep, whatever it reads. A new camera joins with one line in CAMERAS."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras import open_camera
from edge.cameras.child import ChildCamera
from edge.cameras.folder import FolderCamera
from edge.cameras.memory import MemoryCamera
from edge.cameras.named_files import NamedFiles
from edge.cameras.reader_process import Source
from edge.cameras.video import VideoCamera
from edge.interfaces import Camera
from edge.records import Capture, Frame, LostFrame, Reason
from firmware_config.cameras import FolderCamera as FolderSettings
from firmware_config.cameras import V4l2Camera
from firmware_config.cameras import VideoCamera as VideoSettings
from firmware_config.station import Picture
from tests.support.picture_files import png
from tests.support.sample_records import frames
from tests.support.scripted_reader import FOREVER, ONE_THEN_DIES, TROUBLED, lives, script
from tests.support.video_files import write_video

COUNT = 3


def folder(path: Path) -> Camera:
    for i in range(COUNT):
        (path / f"{i}.png").write_bytes(png())
    return FolderCamera(FolderSettings(kind="folder", path=path, watch=False), station="cell-01")


def named_files(path: Path) -> Camera:
    folder(path)
    return NamedFiles(sorted(path.iterdir()), station="cell-01", picture=Picture())


def watched_folder(path: Path) -> Camera:
    folder(path)
    return FolderCamera(FolderSettings(kind="folder", path=path, poll_ms=10, stand_still_ms=20), station="cell-01")


def repeated_folder(path: Path) -> Camera:
    folder(path)
    return FolderCamera(FolderSettings(kind="folder", path=path, watch=False, repeat=True), station="cell-01")


def video(path: Path) -> Camera:
    write_video(path / "line.avi", COUNT)
    return VideoCamera(VideoSettings(kind="video", path=path / "line.avi"), station="cell-01")


def memory(_: Path) -> Camera:
    return MemoryCamera(frames(["a", "b", "c"]), hold=True)


def child(_: Path) -> Camera:
    source = Source("test", "nowhere", cv2.CAP_ANY, (), {}, open_ms=20_000, read_ms=20_000)
    return ChildCamera(source, station="cell-01", command=(sys.executable, "-c", script(FOREVER)))


CAMERAS: dict[str, Callable[[Path], Camera]] = {
    "folder": folder,
    "named files": named_files,
    "watched folder": watched_folder,
    "repeated folder": repeated_folder,
    "video": video,
    "memory": memory,
    "child": child,
}


@dataclass
class Outage:
    """A camera that works, and what makes it go out and come back."""

    camera: Camera
    go: Callable[[], object]
    come_back: Callable[[], object]


def watched_folder_that_goes(path: Path) -> Outage:
    pictures, away = path / "pictures", path / "away"
    pictures.mkdir()
    (pictures / "0.png").write_bytes(png())

    def come_back() -> None:
        away.rename(pictures)
        (pictures / "1.png").write_bytes(png())

    camera = FolderCamera(FolderSettings(kind="folder", path=pictures, poll_ms=10, stand_still_ms=20), station="cell-01")
    return Outage(camera, lambda: pictures.rename(away), come_back)


def child_that_fails_three_times(path: Path) -> Outage:
    source = Source("test", "nowhere", cv2.CAP_ANY, (), {}, open_ms=20_000, read_ms=20_000)
    program = lives(str(path / "lives"), ONE_THEN_DIES, TROUBLED, TROUBLED, FOREVER)
    return Outage(ChildCamera(source, station="cell-01", command=(sys.executable, "-c", program)), lambda: None, lambda: None)


OUTAGES: dict[str, Callable[[Path], Outage]] = {
    "watched folder": watched_folder_that_goes,
    "child": child_that_fails_three_times,
}
"""Cameras that come back by themselves join here too."""


def absent_folder(path: Path) -> Camera:
    return FolderCamera(FolderSettings(kind="folder", path=path / "gone", watch=False), station="cell-01")


def absent_video(path: Path) -> Camera:
    return VideoCamera(VideoSettings(kind="video", path=path / "gone.avi"), station="cell-01")


def absent_device(path: Path) -> Camera:
    return open_camera(V4l2Camera(kind="v4l2", device=path / "video9", open_ms=20_000), station="cell-01", picture=Picture())


def absent_watched_folder(path: Path) -> Camera:
    return FolderCamera(FolderSettings(kind="folder", path=path / "gone", poll_ms=10), station="cell-01")


ABSENT: dict[str, Callable[[Path], Camera]] = {
    "folder": absent_folder,
    "watched folder": absent_watched_folder,
    "video": absent_video,
    "v4l2": absent_device,
}


@pytest.fixture(params=CAMERAS)
def camera(request: pytest.FixtureRequest, tmp_path: Path) -> Camera:
    return CAMERAS[request.param](tmp_path)


def some(camera: Camera) -> list[Capture]:
    captures = camera.frames()
    taken = [next(captures) for _ in range(COUNT)]
    camera.close()
    assert next(captures, None) is None
    return taken


def test_pictures_are_whole(camera: Camera) -> None:
    for capture in some(camera):
        assert isinstance(capture, Frame)
        assert capture.pixels.dtype == np.uint8
        assert capture.pixels.ndim == 3
        assert capture.pixels.shape[2] == 3
        assert capture.pixels.flags.c_contiguous
        assert capture.pixels.any()


def test_captures_are_numbered_from_1_and_their_clock_goes_on(camera: Camera) -> None:
    captures = some(camera)

    assert [capture.sequence for capture in captures] == [1, 2, 3]
    assert [capture.monotonic_ns for capture in captures] == sorted(capture.monotonic_ns for capture in captures)


def test_captures_say_where_and_when(camera: Camera) -> None:
    for capture in some(camera):
        assert capture.station == "cell-01"
        assert capture.source
        assert capture.captured_at.utcoffset() == timedelta(0)


def test_closing_twice_is_closing(camera: Camera) -> None:
    next(camera.frames())

    camera.close()
    camera.close()


def test_closed_before_it_is_asked_it_gives_nothing(camera: Camera) -> None:
    camera.close()

    assert list(camera.frames()) == []


def test_closing_from_another_thread_ends_the_frames(camera: Camera) -> None:
    begun = threading.Event()

    def read() -> None:
        for _ in camera.frames():
            begun.set()

    reading = threading.Thread(target=read)
    reading.start()
    assert begun.wait(30)

    camera.close()
    reading.join(10)

    assert not reading.is_alive()


def test_all_is_well_with_a_camera_that_gives_pictures(camera: Camera) -> None:
    some(camera)

    assert camera.troubles() == ()


@pytest.mark.parametrize("kind", OUTAGES)
def test_an_outage_is_one_lost_frame_and_a_trouble_until_the_camera_is_back(kind: str, tmp_path: Path) -> None:
    outage = OUTAGES[kind](tmp_path)
    captures = outage.camera.frames()

    first = next(captures)
    outage.go()
    lost = next(captures)
    (trouble,) = outage.camera.troubles()
    outage.come_back()
    back = next(captures)
    after = outage.camera.troubles()
    outage.camera.close()
    rest = list(captures)

    assert isinstance(first, Frame)
    assert isinstance(lost, LostFrame)
    assert isinstance(back, Frame)
    assert (trouble.code, trouble.since, trouble.detail) == (lost.reason.value, lost.captured_at, lost.detail)
    assert (after, rest) == ((), [])


@pytest.mark.parametrize("kind", ABSENT)
def test_a_camera_that_is_not_there_is_one_lost_frame_however_long_one_waits(kind: str, tmp_path: Path) -> None:
    camera = ABSENT[kind](tmp_path)
    captures: list[Capture] = []
    said = threading.Event()

    def read() -> None:
        for capture in camera.frames():
            captures.append(capture)
            said.set()

    reading = threading.Thread(target=read)
    reading.start()
    assert said.wait(30)
    reading.join(1.0)  # time for two more attempts at a device, a hundred at a folder
    (trouble,) = camera.troubles()
    camera.close()
    reading.join(10)

    (lost,) = captures
    assert isinstance(lost, LostFrame)
    assert lost.reason is Reason.CAMERA_UNREACHABLE
    assert trouble.code == "camera_unreachable"
