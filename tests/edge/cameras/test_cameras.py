from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from edge.cameras import open_camera
from edge.cameras.folder import FolderCamera
from edge.cameras.memory import MemoryCamera
from edge.cameras.video import VideoCamera
from edge.records import Capture, Frame, LostFrame, Reason
from firmware_config.cameras import Camera as CameraSettings
from firmware_config.cameras import FolderCamera as FolderSettings
from firmware_config.cameras import RtspCamera, V4l2Camera
from firmware_config.cameras import VideoCamera as VideoSettings
from firmware_config.station import Picture
from tests.support.picture_files import jpeg, png
from tests.support.sample_records import frames
from tests.support.tiny_bundle import is_one_sentence
from tests.support.video_files import write_video


def folder(path: Path, **settings: object) -> FolderCamera:
    return FolderCamera(FolderSettings.model_validate({"kind": "folder", "path": path, "watch": False, **settings}), station="cell-01")


def watched(path: Path, **settings: object) -> FolderCamera:
    return folder(path, **{"watch": True, "poll_ms": 10, "stand_still_ms": 20, **settings})


def video(path: Path, **settings: int) -> VideoCamera:
    return VideoCamera(VideoSettings.model_validate({"kind": "video", "path": path, **settings}), station="cell-01")


def said(captures: Iterator[Capture] | list[Capture]) -> list[tuple[str, Reason | None]]:
    told = []
    for capture in captures:
        assert isinstance(capture, Frame) or is_one_sentence(capture.detail)
        told.append((capture.source, capture.reason if isinstance(capture, LostFrame) else None))
    return told


def test_a_folder_gives_its_pictures_in_name_order(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "c.jpg", "10.png"):
        (tmp_path / name).write_bytes(jpeg() if name.endswith("jpg") else png())

    assert said(folder(tmp_path).frames()) == [("10.png", None), ("a.png", None), ("b.png", None), ("c.jpg", None)]


def test_what_is_no_picture_is_lost_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png()[:80])
    (tmp_path / "b.png").touch()
    os.mkfifo(tmp_path / "c.png")
    (tmp_path / "d.png").symlink_to("gone")
    (tmp_path / "e.png").write_bytes(png())

    lost = [("a.png", Reason.UNREADABLE), ("b.png", Reason.EMPTY), ("c.png", Reason.UNREADABLE), ("d.png", Reason.UNREADABLE)]
    assert said(folder(tmp_path).frames()) == [*lost, ("e.png", None)]


def test_a_folder_gives_what_matches_its_pattern_and_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "a.txt", ".b.png", "sub/c.png"):
        (tmp_path / name).write_bytes(png())

    assert said(folder(tmp_path, pattern="*.png").frames()) == [("a.png", None)]
    assert said(folder(tmp_path, pattern="**/*.png").frames()) == [("a.png", None), ("sub/c.png", None)]


def test_an_empty_folder_ends_at_once_also_when_repeated(tmp_path: Path) -> None:
    assert said(folder(tmp_path, repeat=True).frames()) == []


def test_a_repeated_folder_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    camera = folder(tmp_path, repeat=True)
    captures = camera.frames()

    taken = [next(captures) for _ in range(3)]
    camera.close()

    assert [(capture.source, capture.sequence) for capture in taken] == [("a.png", 1), ("a.png", 2), ("a.png", 3)]
    assert next(captures, None) is None


@pytest.mark.parametrize("settings", [{}, {"repeat": True}])
def test_a_folder_that_is_gone_is_told(tmp_path: Path, settings: dict[str, object]) -> None:
    assert said(folder(tmp_path / "gone", **settings).frames()) == [(str(tmp_path / "gone"), Reason.CAMERA_UNREACHABLE)]


def test_a_repeated_folder_that_vanishes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "pictures"
    path.mkdir()
    (path / "a.png").write_bytes(png())
    captures = folder(path, repeat=True).frames()
    next(captures)

    shutil.rmtree(path)

    assert said(captures) == [(str(path), Reason.CAMERA_UNREACHABLE)]


def test_a_watched_folder_gives_new_files_and_those_written_anew(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    camera = watched(tmp_path)
    captures = camera.frames()
    first = next(captures)

    (tmp_path / "b.png").write_bytes(png())
    second = next(captures)
    (tmp_path / "a.png").write_bytes(jpeg())
    third = next(captures)
    camera.close()

    assert said([first, second, third]) == [("a.png", None), ("b.png", None), ("a.png", None)]
    assert next(captures, None) is None


def test_a_watched_file_that_still_grows_is_left_alone_until_it_is_whole(tmp_path: Path) -> None:
    raw = png()
    camera = watched(tmp_path)
    whole = threading.Event()

    def write_slowly() -> None:
        with (tmp_path / "a.png").open("wb", buffering=0) as file:
            for byte in range(len(raw)):
                file.write(raw[byte : byte + 1])
                whole.wait(0.004)  # a slow writer, yet much quicker than the looks at the folder
        whole.set()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    capture = next(camera.frames())
    written_first = whole.is_set()
    camera.close()
    writer.join()

    assert written_first
    assert said([capture]) == [("a.png", None)]


def test_a_watched_folder_that_vanishes_is_told_once_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "pictures"
    path.mkdir()
    (path / "a.png").write_bytes(png())
    camera = watched(path)
    captures = camera.frames()
    first = next(captures)

    path.rename(tmp_path / "away")
    lost = next(captures)
    (tmp_path / "away" / "b.png").write_bytes(png())
    (tmp_path / "away").rename(path)
    back = next(captures)
    camera.close()

    assert said([first, lost, back]) == [("a.png", None), (str(path), Reason.CAMERA_UNREACHABLE), ("b.png", None)]


def test_a_video_gives_its_frames_in_order(tmp_path: Path) -> None:
    write_video(tmp_path / "line.avi", 5)

    captures = list(video(tmp_path / "line.avi").frames())

    assert said(captures) == [(f"line.avi#{i}", None) for i in range(1, 6)]
    levels = [int(capture.pixels[24, 4, 0]) for capture in captures if isinstance(capture, Frame)]
    assert levels == pytest.approx([0, 10, 20, 30, 40], abs=6)


def test_of_a_video_every_nth_frame_is_kept(tmp_path: Path) -> None:
    write_video(tmp_path / "line.avi", 7)

    assert [source for source, _ in said(video(tmp_path / "line.avi", every=3).frames())] == ["line.avi#1", "line.avi#4", "line.avi#7"]


@pytest.mark.parametrize("raw", [b"no video\n" * 100, b""])
def test_a_file_that_is_no_video_is_told(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "line.avi").write_bytes(raw)

    assert said(video(tmp_path / "line.avi").frames()) == [("line.avi", Reason.CAMERA_UNREACHABLE)]


def test_a_video_that_is_gone_is_told(tmp_path: Path) -> None:
    assert said(video(tmp_path / "line.avi").frames()) == [("line.avi", Reason.CAMERA_UNREACHABLE)]


def test_the_missing_end_of_a_video_is_told(tmp_path: Path) -> None:
    write_video(tmp_path / "line.avi", 20)
    raw = (tmp_path / "line.avi").read_bytes()
    (tmp_path / "line.avi").write_bytes(raw[: len(raw) // 2])

    told = said(video(tmp_path / "line.avi").frames())

    assert 2 < len(told) < 20
    assert told[-1][1] is Reason.UNREADABLE


def test_memory_gives_what_it_was_given() -> None:
    given = frames(["a", "b"])

    assert list(MemoryCamera(given).frames()) == given


def test_live_cameras_are_those_that_go_on_without_us(tmp_path: Path) -> None:
    live: list[CameraSettings] = [
        V4l2Camera(kind="v4l2", device=tmp_path / "video0"),
        RtspCamera(kind="rtsp", url="rtsp://127.0.0.1/1"),
    ]
    finite: list[CameraSettings] = [
        FolderSettings(kind="folder", path=tmp_path),
        VideoSettings(kind="video", path=tmp_path / "a.avi"),
    ]

    assert [settings.live for settings in (*live, *finite)] == [True, True, False, False]


@pytest.mark.parametrize(
    "settings",
    [
        FolderSettings(kind="folder", path=Path("gone")),
        VideoSettings(kind="video", path=Path("gone.avi")),
        V4l2Camera(kind="v4l2", device=Path("/dev/gone"), width=640, fps=29.97),
        RtspCamera(kind="rtsp", url="rtsp://127.0.0.1:1/line"),
    ],
    ids=lambda settings: settings.kind,
)
def test_opening_a_camera_opens_nothing_yet(settings: CameraSettings) -> None:
    camera = open_camera(settings, station="cell-01", picture=Picture())

    camera.close()

    assert list(camera.frames()) == []  # were it opened, what is missing would be told


def test_a_video_needs_the_backend_that_is_asked_for() -> None:
    assert cv2.CAP_FFMPEG in cv2.videoio_registry.getBackends()
