"""A box that starts anew knows the noise of its cameras, and does not believe what is old."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from edge.cameras.known_noise import BELIEVED_S, WRITTEN_EVERY_S, KnownNoise
from edge.cameras.rtsp import open_rtsp
from edge.records import Frame, LostFrame, Reason
from firmware_config.cameras import RtspCamera
from tests.faults.rtsp_relay import rtsp_camera


class Now:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.at_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def spool(tmp_path: Path, now: Now) -> Path:
    known = KnownNoise.beside(tmp_path / "spool.sqlite")
    assert known.of("s1", camera="rtsp://a") is None
    KnownNoise(tmp_path / "camera-noise.json", now=now).note("s1", camera="rtsp://a", grey_levels=0.75)
    return tmp_path / "spool.sqlite"


@pytest.mark.parametrize(("later_s", "believed"), [(0.0, True), (BELIEVED_S, True), (BELIEVED_S + 1, False), (-1.0, False)])
def test_what_is_old_or_of_a_later_time_is_not_believed(spool: Path, now: Now, later_s: float, *, believed: bool) -> None:
    now.at_s += later_s
    known = KnownNoise(spool.with_name("camera-noise.json"), now=now)

    assert known.of("s1", camera="rtsp://a") == (0.75 if believed else None)
    assert known.of("s1", camera="rtsp://b") is None
    assert known.of("s2", camera="rtsp://a") is None


def test_it_is_written_now_and_then_and_again_after_the_clock_went_back(spool: Path, now: Now) -> None:
    file = spool.with_name("camera-noise.json")
    known = KnownNoise(file, now=now)
    known.note("s1", camera="rtsp://a", grey_levels=0.8)
    known.note("s1", camera="rtsp://a", grey_levels=0.9)
    assert KnownNoise(file, now=now).of("s1", camera="rtsp://a") == 0.8

    now.at_s -= WRITTEN_EVERY_S
    known.note("s1", camera="rtsp://a", grey_levels=0.9)
    known.note("s2", camera="rtsp://b", grey_levels=0.5)
    again = KnownNoise(file, now=now)
    assert (again.of("s1", camera="rtsp://a"), again.of("s2", camera="rtsp://b")) == (0.9, 0.5)


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": "kotoba.camera-noise/2", "stations": {}}', b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_as_none(spool: Path, content: bytes) -> None:
    file = spool.with_name("camera-noise.json")
    file.write_bytes(content)

    known = KnownNoise(file)
    assert known.of("s1", camera="rtsp://a") is None
    known.note("s1", camera="rtsp://a", grey_levels=0.4)
    assert KnownNoise(file).of("s1", camera="rtsp://a") == 0.4


def test_where_it_cannot_be_written_the_camera_goes_on(tmp_path: Path) -> None:
    known = KnownNoise(tmp_path / "no such folder" / "camera-noise.json")
    known.note("s1", camera="rtsp://a", grey_levels=0.4)


@pytest.mark.long
def test_a_camera_that_stands_still_when_the_box_starts_again_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "camera-noise.json"
    with rtsp_camera(fps=30.0) as sender:
        settings, until = RtspCamera(kind="rtsp", url=sender.url), time.monotonic() + 60
        with closing(open_rtsp(settings, station="s1", known=KnownNoise(file))) as camera:
            for _ in camera.frames():
                if file.exists() or time.monotonic() > until:
                    break
        assert KnownNoise(file).of("s1", camera=sender.url) is not None

        sender.show("freeze")
        with closing(open_rtsp(settings, station="s1", known=KnownNoise(file))) as camera:
            frozen = next(taken for taken in camera.frames() if isinstance(taken, LostFrame))
        assert frozen.reason is Reason.FROZEN

        sender.show("none")
        with closing(open_rtsp(settings, station="s1", known=KnownNoise(file))) as camera:
            taken = [capture for capture, _ in zip(camera.frames(), range(100), strict=False)]
        assert all(isinstance(capture, Frame) for capture in taken)
