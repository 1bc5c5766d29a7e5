"""A network camera over real RTSP that misbehaves, as the daemon sees it."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from edge.cameras.rtsp import open_rtsp
from edge.examination.examine import try_camera
from edge.records import Frame, LostFrame, Reason
from firmware_config.cameras import RtspCamera
from tests.faults.camera_scene import read_number
from tests.faults.rtsp_relay import main, rtsp_camera
from tests.support.sample_records import station as sample_station
from tests.support.tiny_bundle import is_one_sentence

ENOUGH = 400
"""Captures: more than 13 s of pictures."""


@pytest.mark.long
def test_damage_is_told_until_the_next_clean_key_frame_and_then_the_camera_is_well() -> None:
    with rtsp_camera(fps=30.0, rate=0.5) as sender, closing(open_rtsp(RtspCamera(kind="rtsp", url=sender.url), station="s1")) as camera:
        captures = camera.frames()
        first = next(captures)
        assert isinstance(first, Frame), first
        assert read_number(first.pixels) is not None
        assert camera.troubles() == ()

        sender.show("drop")
        lost = next(capture for capture, _ in zip(captures, range(ENOUGH), strict=False) if isinstance(capture, LostFrame))
        again = next(captures)
        (trouble,) = camera.troubles()
        sender.show("none")
        well = next(capture for capture, _ in zip(captures, range(ENOUGH), strict=False) if isinstance(capture, Frame))

        assert lost.reason is Reason.CAMERA_DAMAGED
        assert isinstance(again, LostFrame)
        assert is_one_sentence(lost.detail)
        assert sender.url in lost.detail
        assert (trouble.code, trouble.detail, trouble.since) == ("camera_damaged", lost.detail, lost.captured_at)
        assert read_number(well.pixels) is not None
        assert camera.troubles() == ()


@pytest.mark.long
@pytest.mark.parametrize("harmless", [(), ("Invalid qtable length",)])
def test_what_the_station_calls_harmless_is_no_damage(harmless: tuple[str, ...]) -> None:
    with rtsp_camera(codec="mjpeg-odd") as sender:
        settings = RtspCamera(kind="rtsp", url=sender.url, harmless=harmless)
        with closing(open_rtsp(settings, station="s1")) as camera:
            captures = camera.frames()
            given = [next(captures) for _ in range(10)]

    lost = [capture.detail for capture in given if isinstance(capture, LostFrame)]
    assert bool(lost) is not bool(harmless)
    assert all("Invalid qtable length" in detail for detail in lost)


@pytest.mark.long
def test_doctor_says_of_a_live_camera_what_one_picture_does_not_tell() -> None:
    with rtsp_camera() as sender:
        said = try_camera(sample_station(camera={"kind": "rtsp", "url": sender.url}))

    assert said.startswith(f"rtsp gives 320x240 from {sender.url}")
    assert "frozen" in said


@pytest.mark.long
def test_a_password_is_in_nothing_that_the_camera_says(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("me:geheim\n")
    with rtsp_camera(fps=30.0) as sender:
        settings = RtspCamera(kind="rtsp", url=sender.url, password_file=tmp_path / "login", open_ms=2_000)
        sender.show("gone")
        with closing(open_rtsp(settings, station="s1")) as camera:
            lost = next(camera.frames())

    assert isinstance(lost, LostFrame)
    assert "geheim" not in lost.detail + lost.source


def test_the_camera_can_be_run_from_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    began_s = time.monotonic()

    assert main(["--port", "0", "--fps", "10", "--fault", "freeze", "--every", "1", "--for", "0.5", "--seconds", "1"]) == 0

    address, *turns = capsys.readouterr().out.splitlines()
    assert address.startswith("rtsp://127.0.0.1:")
    assert [turn.split()[1] for turn in turns][:2] == ["none", "freeze"]
    assert time.monotonic() - began_s > 1
