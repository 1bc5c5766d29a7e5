"""The system files as systemd itself reads them. `systemd-analyze verify` exits 0 on an unknown key, so stderr must be empty too."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_config.settings import BoxSettings
from tests.support.repository import ROOT

SYSTEMD = ROOT / "systemd"
INSTALLED = "/opt/kotoba/bin/kotoba-edge"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def unit(folder: Path, *replacements: tuple[str, str], name: str = "kotoba-edge.service") -> Path:
    """Copy the service with an ExecStart that exists here, changed as asked."""
    text = (SYSTEMD / name).read_text()
    for old, new in ((INSTALLED, "/bin/true"), *replacements):
        assert old in text
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text)
    return path


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
@pytest.mark.parametrize("name", sorted(path.name for path in SYSTEMD.glob("*.service")))
def test_the_service_is_understood_to_the_last_key(tmp_path: Path, name: str) -> None:
    verdict = run("systemd-analyze", "verify", unit(tmp_path, name=name))
    assert (verdict.returncode, verdict.stderr) == (0, "")


def test_spool_and_pictures_lie_where_the_service_may_write() -> None:
    text, settings = (SYSTEMD / "kotoba-edge.service").read_text(), BoxSettings.model_construct()
    (state,) = re.findall(r"^StateDirectory=(.+)$", text, re.MULTILINE)
    for path in (settings.spool, settings.evidence_folder):
        assert path.is_relative_to(Path("/var/lib") / state)


@needs_systemd
def test_an_unknown_key_would_be_noticed(tmp_path: Path) -> None:
    verdict = run("systemd-analyze", "verify", unit(tmp_path, ("RestartSec=2", "RestartSteps=5")))
    assert "Unknown key" in verdict.stderr


@needs_systemd
def test_the_service_is_closed_as_far_as_cameras_and_a_gpu_allow(tmp_path: Path) -> None:
    verdict = run("systemd-analyze", "security", "--offline=yes", "--threshold=15", unit(tmp_path))
    assert verdict.returncode == 0, verdict.stdout[-300:]


@needs_systemd
def test_without_devices_it_is_closed_further(tmp_path: Path) -> None:
    path = unit(
        tmp_path,
        ("DevicePolicy=closed", "PrivateDevices=yes"),
        ("DeviceAllow=char-video4linux rw\n", ""),
        ("DeviceAllow=char-nvidia* rw\n", ""),
    )
    verdict = run("systemd-analyze", "security", "--offline=yes", "--threshold=13", path)
    assert verdict.returncode == 0, verdict.stdout[-300:]


@needs_systemd
def test_the_consumer_is_closed_but_for_the_network_and_its_own_folder(tmp_path: Path) -> None:
    verdict = run("systemd-analyze", "security", "--offline=yes", "--threshold=12", unit(tmp_path, name="kotoba-consume.service"))
    assert verdict.returncode == 0, verdict.stdout[-300:]


@pytest.mark.skipif(os.geteuid() != 0, reason="making users and their folders needs root")
@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed")
def test_users_and_folders_are_made_with_secrets_for_root_alone(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    assert run("systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "sysusers.d" / "kotoba.conf").returncode == 0
    made = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", SYSTEMD / "tmpfiles.d" / "kotoba.conf")
    assert (made.returncode, made.stderr) == (0, "")
    groups = {line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert groups["video"] == groups["render"] == "kotoba"
    assert (tmp_path / "etc/kotoba/credentials").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var/lib/kotoba").stat().st_uid != 0
