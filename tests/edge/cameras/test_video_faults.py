"""A video file that is damaged, is none, or lies where reading hangs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import psutil
import pytest

from edge.cameras.video import VideoCamera
from edge.records import Capture, Frame, LostFrame, Reason
from firmware_config.cameras import VideoCamera as Settings
from tests.faults.camera_scene import Scene, Sensor, read_number
from tests.support import scripted_reader as scripts
from tests.support.tiny_bundle import is_one_sentence
from tests.support.video_files import write_video

COUNT, KEY_EVERY, SLICES = 90, 30, 4
OTHER_SLICE = 1
"""Of ITU-T H.264, table 7-1: a slice of a picture that is no key frame."""

SWAPPED = """
import os
from edge.cameras import reader
looked_at = reader._refusal
def look_and_swap(path):
    refusal = looked_at(path)
    os.remove(path)
    os.mkfifo(path)
    return refusal
reader._refusal = look_and_swap
reader.main()
"""


@pytest.fixture(scope="module")
def h264(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video of COUNT numbered pictures, each KEY_EVERY-th one a key frame, as a raw H.264 stream."""
    path, sensor = tmp_path_factory.mktemp("video") / "line.h264", Sensor(Scene())
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", "320x240", "-r", "15", "-i", "-"]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", str(KEY_EVERY)]
    coded += ["-x264-params", f"slices={SLICES}"]
    pictures = b"".join(sensor.take(number).tobytes() for number in range(1, COUNT + 1))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *raw, *coded, str(path)]
    subprocess.run(command, input=pictures, check=True, timeout=60)
    return path.read_bytes()


def camera(path: Path, *, program: str | None = None, **settings: int) -> VideoCamera:
    made = Settings.model_validate({"kind": "video", "path": path, **settings})
    return VideoCamera(made, station="s1") if program is None else VideoCamera(made, station="s1", command=(sys.executable, "-c", program))


def numbers(captures: Iterator[Capture]) -> list[int | None]:
    return [read_number(capture.pixels) if isinstance(capture, Frame) else None for capture in captures]


def clean_pictures(path: Path) -> dict[int, bytes]:
    with closing(camera(path)) as video:
        return {read_number(each.pixels) or 0: each.pixels.tobytes() for each in video.frames() if isinstance(each, Frame)}


def test_a_sound_video_is_given_whole(h264: bytes, tmp_path: Path) -> None:
    (tmp_path / "line.h264").write_bytes(h264)

    with closing(camera(tmp_path / "line.h264")) as video:
        assert numbers(video.frames()) == list(range(1, COUNT + 1))


def test_from_damage_to_the_next_key_frame_no_picture_of_a_video_is_given(h264: bytes, tmp_path: Path) -> None:
    path = tmp_path / "line.h264"
    path.write_bytes(h264)
    clean = clean_pictures(path)
    spoilt, random = bytearray(h264), np.random.default_rng(1)
    middle = len(spoilt) // 2
    for place in range(middle, middle + 4_000, 20):
        spoilt[place] = int(random.integers(256))
    path.write_bytes(spoilt)

    with closing(camera(path)) as video:
        captures = list(video.frames())

    lost = [capture for capture in captures if isinstance(capture, LostFrame)]
    given = {read_number(each.pixels) or 0: each.pixels.tobytes() for each in captures if isinstance(each, Frame)}
    assert all(clean[number] == pixels for number, pixels in given.items())
    assert {1, COUNT} <= given.keys()
    assert 1 <= len(lost) <= KEY_EVERY
    assert {capture.reason for capture in lost} == {Reason.UNREADABLE}
    assert all(is_one_sentence(capture.detail) and "line.h264" in capture.detail for capture in lost)


@pytest.mark.parametrize("count", [1, SLICES], ids=["a slice", "a whole picture"])
def test_what_is_missing_without_a_trace_is_damage_too(h264: bytes, tmp_path: Path, count: int) -> None:
    path = tmp_path / "line.h264"
    path.write_bytes(h264)
    clean = clean_pictures(path)
    begins = [found.start() for found in re.finditer(b"\0\0\0?\1", h264)] + [len(h264)]
    units = [h264[begin:end] for begin, end in pairwise(begins)]
    slices = [number for number, unit in enumerate(units) if unit[unit.index(b"\1") + 1] & 0x1F == OTHER_SLICE]
    missing = set(slices[7 * SLICES :][:count])
    path.write_bytes(b"".join(unit for number, unit in enumerate(units) if number not in missing))

    with closing(camera(path)) as video:
        captures = list(video.frames())

    given = {read_number(each.pixels) or 0: each.pixels.tobytes() for each in captures if isinstance(each, Frame)}
    assert all(clean[number] == pixels for number, pixels in given.items())
    assert any(isinstance(capture, LostFrame) for capture in captures)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "missing"])
def test_what_is_no_regular_file_is_refused_and_never_opened(kind: str, tmp_path: Path) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "line.avi"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()

    with closing(camera(path)) as video:
        (lost,) = video.frames()
        (trouble,) = video.troubles()

    assert isinstance(lost, LostFrame)
    assert lost.reason is Reason.CAMERA_UNREACHABLE
    assert is_one_sentence(lost.detail)
    assert ("no regular file" in lost.detail) is (kind != "missing")
    assert trouble.code == "camera_unreachable"


def test_a_pipe_that_took_the_file_s_place_after_it_was_looked_at_is_a_stall(tmp_path: Path) -> None:
    path = tmp_path / "line.avi"
    path.touch()
    program = SWAPPED

    with closing(camera(path, program=program, read_ms=1_000)) as video:
        (lost,) = video.frames()
        (trouble,) = video.troubles()

    assert isinstance(lost, LostFrame)
    assert lost.reason is Reason.CAMERA_STALLED
    assert trouble.code == "camera_stalled"


def test_a_file_whose_reading_hangs_in_its_middle_is_a_stall_and_leaves_no_child(tmp_path: Path) -> None:
    write_video(tmp_path / "line.avi", 20)
    before = set(psutil.Process().children())
    with closing(camera(tmp_path / "line.avi", read_ms=1_000)) as video:
        captures = video.frames()
        assert isinstance(next(captures), Frame)
        (child,) = set(psutil.Process().children()) - before
        child.send_signal(signal.SIGSTOP)

        (lost,) = captures

        assert isinstance(lost, LostFrame)
        assert lost.reason is Reason.CAMERA_STALLED
        assert is_one_sentence(lost.detail)
    assert set(psutil.Process().children()) == before


def test_closing_does_not_wait_for_a_file_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "line.avi").touch()
    video = camera(tmp_path / "line.avi", program=scripts.script(scripts.SILENT), read_ms=600_000)
    captures: list[Capture] = []
    before = set(psutil.Process().children())
    reading = threading.Thread(target=lambda: captures.extend(video.frames()))
    reading.start()
    while set(psutil.Process().children()) == before:
        reading.join(0.01)

    video.close()
    reading.join(10)

    assert not reading.is_alive()
    assert captures == []


def test_every_nth_frame_of_a_video_carries_its_number(tmp_path: Path) -> None:
    write_video(tmp_path / "line.avi", 7)

    with closing(camera(tmp_path / "line.avi", every=3)) as video:
        assert [capture.source for capture in video.frames()] == ["line.avi#1", "line.avi#4", "line.avi#7"]


def test_frames_that_are_not_taken_can_still_damage_those_that_are(h264: bytes, tmp_path: Path) -> None:
    path = tmp_path / "line.h264"
    spoilt = bytearray(h264)
    middle = len(spoilt) // 2
    spoilt[middle : middle + 6_000 : 20] = bytes(300)
    path.write_bytes(spoilt)

    with closing(camera(path, every=7)) as video:
        lost = [capture for capture in video.frames() if isinstance(capture, LostFrame)]

    assert lost


def test_opencv_has_what_tells_key_frames() -> None:
    assert cv2.CAP_PROP_LRF_HAS_KEY_FRAME > 0
    assert cv2.CAP_PROP_FRAME_TYPE > 0
