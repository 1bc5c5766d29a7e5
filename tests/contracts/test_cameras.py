"""What every camera must keep, whatever it reads. A new camera joins with one line in CAMERAS."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras.child import ChildCamera, Source
from edge.cameras.folder import FolderCamera
from edge.cameras.memory import MemoryCamera
from edge.cameras.named_files import NamedFiles
from edge.cameras.video import VideoCamera
from edge.interfaces import Camera
from edge.records import Capture, Frame
from firmware_config.cameras import FolderCamera as FolderSettings
from firmware_config.cameras import VideoCamera as VideoSettings
from firmware_config.station import Picture
from tests.support.picture_files import png
from tests.support.sample_records import frames
from tests.support.scripted_reader import FOREVER, script
from tests.support.video_files import write_video

COUNT = 3


def folder(path: Path) -> Camera:
    for i in range(COUNT):
        (path / f"{i}.png").write_bytes(png())
    return FolderCamera(FolderSettings(kind="folder", path=path), station="cell-01")


def named_files(path: Path) -> Camera:
    folder(path)
    return NamedFiles(sorted(path.iterdir()), station="cell-01", picture=Picture())


def watched_folder(path: Path) -> Camera:
    folder(path)
    return FolderCamera(FolderSettings(kind="folder", path=path, watch=True, poll_ms=10), station="cell-01")


def repeated_folder(path: Path) -> Camera:
    folder(path)
    return FolderCamera(FolderSettings(kind="folder", path=path, repeat=True), station="cell-01")


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
