"""The rendered drop-ins as systemd itself reads them, together with the units that are installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.golden_boxes import NAMES, tree_of
from tests.support.repository import ROOT

PROGRAMS = re.compile(r"/opt/kotoba/bin/kotoba-edge|/usr/sbin/(nft|mosquitto|chronyd)|/bin/(mkdir|chown|kill)\b")
"""Those that may not be on this machine."""

FROM_DEBIAN = {
    "mosquitto.service": """
[Unit]
After=network.target
Wants=network.target
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
ExecStartPre=/bin/mkdir -m 740 -p /var/log/mosquitto
ExecStartPre=/bin/chown mosquitto /var/log/mosquitto
""",
    "chrony.service": """
[Unit]
Wants=time-sync.target
Before=time-sync.target
After=network.target
[Service]
Type=forking
PIDFile=/run/chrony/chronyd.pid
EnvironmentFile=-/etc/default/chrony
User=_chrony
ExecStart=!/usr/sbin/chronyd $DAEMON_OPTS
ConfigurationDirectory=chrony
RuntimeDirectory=chrony
StateDirectory=chrony
""",
}
"""What Debian 12 says of these units, as far as the drop-ins change it."""

EXPOSURE = 14
"""Tenths: the score that a unit with cameras and a GPU can reach."""

WITH_A_BROKER = [name for name in NAMES if (tree_of(name) / "etc/mosquitto").is_dir()]

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def units(folder: Path, name: str) -> Path:
    """The units of a box, as they lie on it."""
    shutil.copytree(tree_of(name) / "etc/systemd/system", folder, dirs_exist_ok=True)
    shutil.copy(ROOT / "systemd/kotoba-edge.service", folder)
    for unit, text in FROM_DEBIAN.items():
        if (folder / f"{unit}.d").is_dir():
            (folder / unit).write_text(text)
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_text(PROGRAMS.sub("/bin/true", path.read_text()))
    return folder


def analyzed(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Those of `folder` come before those of this machine."""
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_COLORS": "0"}
    return subprocess.run(["systemd-analyze", *command], env=environment, capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_every_unit_of_a_box_is_understood_to_the_last_key(name: str, tmp_path: Path) -> None:
    folder = units(tmp_path / "units", name)
    for unit in sorted(folder.glob("*.service")):
        verdict = analyzed(folder, "verify", str(unit))
        assert (verdict.returncode, verdict.stderr) == (0, ""), unit.name


@needs_systemd
def test_an_unknown_key_in_a_drop_in_would_be_noticed(tmp_path: Path) -> None:
    folder = units(tmp_path / "units", "cpu-rtsp")
    drop_in = folder / "kotoba-edge.service.d/box.conf"
    drop_in.write_text(drop_in.read_text().replace("MemoryMax=", "MemoryMost="))
    assert "Unknown key" in analyzed(folder, "verify", str(folder / "kotoba-edge.service")).stderr


@needs_systemd
@pytest.mark.parametrize(
    ("name", "unit"), [*((name, "kotoba-edge.service") for name in NAMES), *((name, "mosquitto.service") for name in WITH_A_BROKER)]
)
def test_a_service_of_a_box_is_closed(name: str, unit: str, tmp_path: Path) -> None:
    folder = units(tmp_path / "units", name)
    verdict = analyzed(folder, "security", "--offline=yes", f"--threshold={EXPOSURE}", unit)
    assert verdict.returncode == 0, verdict.stdout[-300:]


@needs_systemd
def test_a_box_without_devices_is_closed_further(tmp_path: Path) -> None:
    verdict = analyzed(units(tmp_path / "units", "cpu-rtsp"), "security", "--offline=yes", "--threshold=11", "kotoba-edge.service")
    assert verdict.returncode == 0, verdict.stdout[-300:]


@pytest.mark.parametrize("name", NAMES)
def test_the_daemon_reaches_the_named_hosts_only(name: str) -> None:
    text = (tree_of(name) / "etc/systemd/system/kotoba-edge.service.d/box.conf").read_text()
    first, *allowed = re.findall(r"^IPAddressAllow=(.*)$", text, re.MULTILINE)
    assert first == "", "what the unit allows is taken back"
    assert "localhost" in allowed
    box = (tree_of(name).parent / "box.toml").read_text()
    assert [address for address in allowed if address != "localhost" and f'"{address}"' not in box] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_secret_that_is_handed_out_is_described_and_none_is_in_the_tree(name: str) -> None:
    drop_ins = "".join(path.read_text() for path in (tree_of(name) / "etc/systemd/system").glob("*.d/*"))
    handed = re.findall(r"^LoadCredential=.*:(/etc/kotoba/credentials/.+)$", drop_ins, re.MULTILINE)
    described = (tree_of(name) / "etc/kotoba/credentials.txt").read_text().splitlines()
    assert handed
    assert [path for path in handed if path not in described] == []
    assert not (tree_of(name) / "etc/kotoba/credentials").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="making folders for users needs root")
@pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None, reason="systemd-tmpfiles is not installed")
def test_folders_of_a_box_are_made_beside_those_of_every_box(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    users = ["systemd-sysusers", f"--root={tmp_path}", str(ROOT / "systemd/sysusers.d/kotoba.conf")]
    assert subprocess.run(users, capture_output=True, check=False).returncode == 0
    files = [str(ROOT / "systemd/tmpfiles.d/kotoba.conf"), str(tree_of("nvidia-gige") / "etc/tmpfiles.d/kotoba-box.conf")]
    made = subprocess.run(["systemd-tmpfiles", "--create", f"--root={tmp_path}", *files], capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    assert (tmp_path / "data/evidence").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "srv/kotoba/stations").is_dir()
