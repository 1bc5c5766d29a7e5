"""A password in a station file is printed nowhere: not in a mistake, not in a repr, not in a digest that could be searched."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from edge.cameras.rtsp import open_rtsp
from edge.errors import CameraError
from firmware_config.cameras import RtspCamera
from firmware_config.cli import main
from firmware_config.errors import ConfigError
from firmware_config.new_station import camera_of
from firmware_config.redact import is_secret, without_login
from firmware_config.station import Station, parse_station

STATION = """
[station]
name = "cell-01"
path = "plant/line"
[camera]
kind = "rtsp"
{camera}
[[labels]]
name = "good"
decision = "ok"
[[labels]]
name = "bad"
decision = "ng"
{more}
"""
SECRET = "hunter2"  # noqa: S105 -- of nobody


def station(camera: str, more: str = "") -> Station:
    return parse_station(STATION.format(camera=camera, more=more).encode(), source="cell.toml")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://user:hunter2@cam/1", "rtsp://***@cam/1"),
        ("rtsp://user:hun@ter2@cam/1", "rtsp://***@cam/1"),
        ("rtsp://user@cam/1", "rtsp://***@cam/1"),
        ("opening 'rtsp://user:hunter2@cam/1' and rtsp://a:hunter2@b", "opening 'rtsp://***@cam/1' and rtsp://***@b"),
        ("rtsp://cam/1?user=a&password=hunter2&x=1", "rtsp://cam/1?user=a&password=***&x=1"),
        ("rtsp://cam/1?pwd=hunter2", "rtsp://cam/1?pwd=***"),
        ("user:hunter2@cam:554", "***@cam:554"),
        ("rtsp://cam:554/1", "rtsp://cam:554/1"),
        ("rtsp://user:my/hunter2@cam/1", "rtsp://***@cam/1"),
        ("rtsp://user:my#hunter2?or#this@cam/1", "rtsp://***@cam/1"),
        ("rtsp://user:my:hunter2@hunter2@cam/1", "rtsp://***@cam/1"),
        ("opening rtsp://user:my hunter2@cam/1, then (rtsp://a:/hunter2@b)", "opening rtsp://***@cam/1, then (rtsp://***@b)"),
        ('rtsp://user:it\'s"hunter2"@cam/1', "rtsp://***@cam/1"),
        ("rtsp://cam/1?password=hunter2@hunter2", "rtsp://cam/1?password=***"),
        ("user:my/hunter2 @cam:554", "***@cam:554"),
        ("me@plant:hunter2@cam:554", "***@cam:554"),
        ("//user:my/hunter2@cam", "***@cam"),
        ("plant/line@2", "plant/line@2"),
    ],
)
def test_an_address_is_shown_without_its_login(text: str, shown: str) -> None:
    assert without_login(text) == shown


def test_the_keys_of_secrets_are_known() -> None:
    assert all(map(is_secret, ("password", "mqtt_passwd", "secret", "Password")))
    assert not any(map(is_secret, ("password_file", "max_tokens", "key_file")))


@pytest.mark.parametrize(
    ("camera", "more"),
    [
        ('url = "http://user:hunter2@cam/1"', ""),
        ('url = "rtsp://user:hunter2@cam:port/1"', ""),
        ('url = "rtsp://user:hunter2@/1"', ""),
        ('url = "rtsp://user:hunter2@[cam/1"', ""),
        ('url = "rtsp://user:my/hunter2@cam:554/1"', ""),
        ('url = "rtsp://user:my hunter2@cam:554/1"', ""),
        ('url = "rtsp://user:my#hunter2@cam:554/1"', ""),
        ('url = "rtsp://user:my?hunter2@cam:554/1"', ""),
        ('url = "rtsp://user:hunter2"', ""),
        ('url = ["rtsp://user:hunter2@cam/1"]', ""),
        ('url = {a = "rtsp://user:hunter2@cam/1"}', ""),
        ('adress = "rtsp://user:hunter2@cam/1"\nurl = "rtsp://cam/1"', ""),
        ('url = "rtsp://cam/1"\npassword = "hunter2"', ""),
        ('url = "rtsp://cam/1"', '[outputs.mqtt]\nhost = "broker"\npassword = "hunter2"'),
        ('url = "rtsp://cam/1"', '[outputs.mqtt]\nhost = "user:hunter2@broker"'),
        ('url = "rtsp://cam/1"', '[outputs.mqtt]\nhost = "mqtt://user:hunter2@broker"'),
        ('url = "rtsp://cam/1"', 'outputs = [{host = "broker", password = "hunter2"}]'),
    ],
)
def test_a_mistake_is_told_without_the_password(camera: str, more: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        station(camera, more)
    assert SECRET not in str(refused.value)
    path = tmp_path / "cell.toml"
    path.write_text(STATION.format(camera=camera, more=more))
    assert main(["check", "--elsewhere", str(path)]) == 78
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err


def test_a_station_is_shown_without_the_password_of_its_camera(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_password = station('url = "rtsp://user:hunter2@cam/1"')
    assert SECRET not in repr(with_password) + str(with_password)
    path = tmp_path / "cell.toml"
    path.write_text(STATION.format(camera='url = "rtsp://user:hunter2@cam/1"', more=""))
    assert main(["check", "--json", str(path)]) == 0
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err


@pytest.mark.parametrize(
    "address", ["user:hunter2@cam", "rtsp://user:my/hunter2@cam/1", "rtsp://user:55/hunter2@cam/1", "rtsp://user:hunter2℀@cam"]
)
def test_an_address_that_is_asked_for_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(ValueError, match="camera") as refused:
        camera_of(address)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("login", ["1/hunter2", "1?hunter2", "1#hunter2"])
def test_a_camera_that_is_out_is_named_without_what_may_be_a_password(login: str) -> None:
    with closing(open_rtsp(RtspCamera(kind="rtsp", url=f"rtsp://127.0.0.1:{login}@cam/1"), station="cell")) as camera:
        lost = next(camera.frames())
        assert lost.source == "rtsp://cam/1"
        assert SECRET not in repr(lost)
        assert SECRET not in repr(camera.troubles())


def test_the_digest_of_a_station_does_not_tell_a_password_from_another() -> None:
    assert station('url = "rtsp://user:hunter2@cam/1"').digest == station('url = "rtsp://user:other@cam/1"').digest
    assert station('url = "rtsp://cam/1"').digest != station('url = "rtsp://cam/2"').digest


def test_the_camera_is_named_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("no colon")
    camera = RtspCamera(kind="rtsp", url="rtsp://user:hunter2@cam/1", password_file=tmp_path / "login")
    with pytest.raises(CameraError) as refused:
        open_rtsp(camera, station="cell")
    assert SECRET not in str(refused.value)
    assert "rtsp://***@cam/1" in str(refused.value)
