from __future__ import annotations

import logging
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import cv2
import psutil
import pytest

from edge.cameras import open_camera
from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.child import PATIENCE_S, ChildCamera
from edge.cameras.reader import DAMAGED, DOUBTED, FRAME, HEADER
from edge.cameras.reader_process import Source
from edge.cameras.rtsp import open_rtsp
from edge.errors import CameraError
from edge.records import Capture, Frame, LostFrame, Reason
from firmware_config.cameras import RtspCamera, V4l2Camera
from firmware_config.station import Picture
from tests.support import scripted_reader as scripts
from tests.support.tiny_bundle import is_one_sentence
from tests.support.video_files import write_video

STALL_MS = 1_500
"""Longer than Python needs to start on a busy machine after START_S, short enough to be waited for."""


def scripted(program: str, *, read_ms: int = STALL_MS) -> ChildCamera:
    source = Source("test", "rtsp://secret@host", cv2.CAP_ANY, (), {}, open_ms=STALL_MS, read_ms=read_ms)
    return ChildCamera(source, station="cell-01", command=(sys.executable, "-c", program))


def children() -> list[psutil.Process]:
    return list(psutil.Process().children(recursive=True))


def lost(capture: Capture) -> LostFrame:
    assert isinstance(capture, LostFrame), capture
    assert is_one_sentence(capture.detail)
    assert "secret" not in capture.detail + capture.source
    return capture


def test_a_child_that_stalls_is_killed_told_and_started_anew(tmp_path: Path) -> None:
    program = scripts.first_then(str(tmp_path / "begun"), scripts.STALLS, scripts.FOREVER)
    before = children()
    camera = scripted(program)
    with closing(camera):
        captures = camera.frames()

        taken = [next(captures) for _ in range(5)]
        running = [child for child in children() if child not in before]

    assert [type(capture) for capture in taken] == [Frame, Frame, LostFrame, Frame, Frame]
    assert lost(taken[2]).reason is Reason.CAMERA_STALLED
    assert [int(capture.pixels[0, 0, 0]) for capture in taken if isinstance(capture, Frame)] == [1, 2, 9, 9]
    assert [capture.sequence for capture in taken] == [1, 2, 3, 4, 5]
    assert len(running) == 1
    assert next(captures, None) is None


@pytest.mark.parametrize("kind", [DAMAGED, DOUBTED], ids=["damaged", "doubted"])
def test_a_stream_that_stays_damaged_is_opened_again_when_patience_is_over(kind: int, tmp_path: Path) -> None:
    now_s = [0.0]
    program = scripts.lives(str(tmp_path / "lives"), scripts.damaged("bad", "DAMAGED" if kind == DAMAGED else "DOUBTED"), scripts.FOREVER)
    source = Source("test", "rtsp://secret@host", cv2.CAP_ANY, (), {}, open_ms=60_000, read_ms=60_000)
    captures = CaptureFactory("cell-01", monotonic_ns=lambda: int(now_s[0] * 1e9))
    with closing(ChildCamera(source, station="cell-01", captures=captures, command=(sys.executable, "-c", program))) as camera:
        frames = camera.frames()
        early = [lost(next(frames)) for now_s[0] in (0.0, PATIENCE_S[kind] / 2, PATIENCE_S[kind])]
        now_s[0] = PATIENCE_S[kind] + 1.0
        late = [lost(next(frames)), lost(next(frames))]  # the last picture, and the camera that is out until it is opened

        assert isinstance(next(frames), Frame)

    assert {capture.reason for capture in early + late} == {Reason.CAMERA_DAMAGED}
    assert all(("no packet is missing" in capture.detail) is (kind == DOUBTED) for capture in early + late)


TROUBLES = {
    "dies": (scripts.DIES, Reason.CAMERA_UNREACHABLE, "code 7"),
    "half a picture": (scripts.HALF, Reason.CAMERA_STALLED, "no picture for"),
    "trouble": (scripts.TROUBLED, Reason.CAMERA_UNREACHABLE, "cannot be opened"),
    "garbage": (scripts.GARBAGE, Reason.CAMERA_UNREACHABLE, "no picture"),
    "gigantic": (scripts.GIGANTIC, Reason.CAMERA_UNREACHABLE, "no picture"),
    "misshapen": (scripts.MISSHAPEN, Reason.CAMERA_UNREACHABLE, "no picture"),
    "endless trouble": (scripts.LONG_TROUBLE, Reason.CAMERA_UNREACHABLE, "no picture"),
    "no Python": ("raise SystemExit(3)", Reason.CAMERA_UNREACHABLE, "code 3"),
}


@pytest.mark.long  # half a picture: it ends when the deadline is over
@pytest.mark.parametrize("case", TROUBLES)
def test_trouble_of_a_child_is_told_and_leaves_no_child(case: str) -> None:
    program, reason, detail = TROUBLES[case]
    program = program if case == "no Python" else scripts.script(program)
    before = children()
    camera = scripted(program)
    with closing(camera):
        captures = camera.frames()

        first_loss = next(capture for capture in captures if isinstance(capture, LostFrame))
        left = [child for child in children() if child not in before]

    assert lost(first_loss).reason is reason
    assert detail in first_loss.detail
    assert left == []


def test_a_reader_that_cannot_be_started_is_told() -> None:
    source = Source("test", "nowhere", cv2.CAP_ANY, (), {}, open_ms=100, read_ms=100)
    camera = ChildCamera(source, station="cell-01", command=("/nonexistent/python",))
    with closing(camera):
        assert lost(next(camera.frames())).reason is Reason.CAMERA_UNREACHABLE


def test_a_child_that_says_nothing_is_stalled_and_closing_does_not_wait_for_it() -> None:
    camera = scripted(scripts.script(scripts.SILENT), read_ms=60_000)
    captures: list[Capture] = []
    reading = threading.Thread(target=lambda: captures.extend(camera.frames()))
    before = children()
    reading.start()
    while not [child for child in children() if child not in before]:
        reading.join(0.01)

    camera.close()
    reading.join(10)

    assert not reading.is_alive()
    assert captures == []


def test_who_stops_reading_leaves_no_child() -> None:
    before = children()
    captures = scripted(scripts.script(scripts.FOREVER)).frames()
    next(captures)
    assert isinstance(captures, Generator)

    captures.close()

    assert [child for child in children() if child not in before] == []


@pytest.fixture
def mute_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


def test_an_rtsp_server_that_never_answers_is_told_and_leaves_no_child(mute_server: int) -> None:
    before = children()
    settings = RtspCamera(kind="rtsp", url=f"rtsp://127.0.0.1:{mute_server}/line", open_ms=500, read_ms=500)
    camera = open_camera(settings, station="cell-01", picture=Picture())
    with closing(camera):
        capture = lost(next(camera.frames()))

    assert capture.reason in {Reason.CAMERA_UNREACHABLE, Reason.CAMERA_STALLED}
    assert capture.source == f"rtsp://127.0.0.1:{mute_server}/line"
    assert [child for child in children() if child not in before] == []


def test_an_rtsp_server_that_is_not_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    camera = open_camera(RtspCamera(kind="rtsp", url=f"rtsp://127.0.0.1:{port}/line", open_ms=20_000), station="cell-01", picture=Picture())
    with closing(camera):
        assert lost(next(camera.frames())).reason is Reason.CAMERA_UNREACHABLE


def test_a_password_stays_off_the_command_line_and_out_of_names(tmp_path: Path, mute_server: int) -> None:
    (tmp_path / "login").write_text("me:se cret/@\n")
    settings = RtspCamera(kind="rtsp", url=f"rtsp://127.0.0.1:{mute_server}/line", password_file=tmp_path / "login", open_ms=60_000)
    camera = open_rtsp(settings, station="cell-01")
    before = children()
    reading = threading.Thread(target=lambda: list(camera.frames()))
    reading.start()
    while not (running := [child for child in children() if child not in before]):
        reading.join(0.01)

    shown = " ".join(running[0].cmdline()) + repr(running[0].environ())
    camera.close()
    reading.join(10)

    assert "cret" not in shown


@pytest.mark.parametrize("content", [None, "no colon\n", b"\xff\xfe"])
def test_a_password_file_that_is_none_is_refused(tmp_path: Path, content: str | bytes | None) -> None:
    if content is not None:
        (tmp_path / "login").write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(CameraError, match="user:password"):
        open_rtsp(RtspCamera(kind="rtsp", url="rtsp://127.0.0.1/1", password_file=tmp_path / "login"), station="cell-01")


def test_a_v4l2_device_that_is_missing_is_unreachable(tmp_path: Path) -> None:
    camera = open_camera(
        V4l2Camera(kind="v4l2", device=tmp_path / "video9", width=640, fps=29.97, open_ms=20_000), station="cell-01", picture=Picture()
    )
    with closing(camera):
        capture = lost(next(camera.frames()))

    assert capture.reason is Reason.CAMERA_UNREACHABLE
    assert capture.source == str(tmp_path / "video9")


def test_the_real_reader_gives_frames_and_tells_when_there_are_no_more(tmp_path: Path) -> None:
    write_video(tmp_path / "line.avi", 300)
    source = Source("test", str(tmp_path / "line.avi"), cv2.CAP_FFMPEG, (), {}, open_ms=20_000, read_ms=20_000)
    camera = ChildCamera(source, station="cell-01")
    with closing(camera):
        captures = camera.frames()
        taken = [next(captures)]
        while isinstance(taken[-1], Frame):
            taken.append(next(captures))

    assert "gives no more pictures" in lost(taken[-1]).detail
    assert isinstance(taken[0], Frame)
    assert taken[0].pixels.shape == (48, 64, 3)
    assert [capture.monotonic_ns for capture in taken] == sorted(capture.monotonic_ns for capture in taken)


def test_a_reader_whose_parent_is_gone_ends_although_its_camera_says_nothing(mute_server: int) -> None:
    what = f'{{"address": "rtsp://127.0.0.1:{mute_server}/1", "backend": {cv2.CAP_FFMPEG}, "parameters": []}}\n'
    reader = subprocess.Popen([sys.executable, "-m", "edge.cameras.reader"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert reader.stdin is not None
    reader.stdin.write(what.encode() + b"n")
    reader.stdin.flush()

    said, _ = reader.communicate(timeout=60)

    assert said == b""
    assert reader.returncode == 0


def test_a_reader_whose_parent_is_killed_while_it_answers_ends_without_a_word(tmp_path: Path) -> None:
    what = f'{{"address": "{tmp_path / "none.mp4"}", "backend": {cv2.CAP_FFMPEG}, "parameters": [], "every": 1}}\n'
    command, pipe = [sys.executable, "-m", "edge.cameras.reader"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stderr is not None
        reader.stdout.close()
        reader.stdin.write(what.encode() + b"n")
        reader.stdin.flush()

        assert reader.wait(60) == 0
        assert reader.stderr.read() == b""


def test_the_header_is_the_same_on_both_sides() -> None:
    assert HEADER.size == struct.calcsize("<BIIqQdI") == 37
    assert FRAME == 0


def test_trouble_is_logged_by_nobody_but_the_daemon(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), closing(scripted(scripts.script(scripts.DIES))) as camera:
        captures = camera.frames()
        assert isinstance(next(captures), Frame)
        assert lost(next(captures)).reason is Reason.CAMERA_UNREACHABLE

    assert caplog.records == []


def test_frames_that_were_let_go_can_be_asked_for_again() -> None:
    before = children()
    with closing(scripted(scripts.script(scripts.FOREVER))) as camera:
        first = camera.frames()
        next(first)
        assert isinstance(first, Generator)
        first.close()
        between = [child for child in children() if child not in before]
        again = next(camera.frames())

    assert between == []
    assert isinstance(again, Frame)
