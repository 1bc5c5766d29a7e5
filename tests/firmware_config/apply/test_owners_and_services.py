from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_config.apply.owners import Owners
from firmware_config.apply.services import OPEN, commands_after, has_unit, run_all
from firmware_config.errors import ApplyError
from tests.support.repository import ROOT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_text("root:x:0:\nmosquitto:x:113:\n")
    return tmp_path


@pytest.mark.parametrize(
    ("where", "mode", "owner"),
    [
        ("etc/mosquitto/passwords", 0o640, (0, 113)),
        ("etc/mosquitto/mosquitto.conf", 0o644, (0, 0)),
        ("etc/mosquitto/own", 0o600, (0, 0)),
        ("etc/sudoers.d/x", 0o440, (0, 0)),
    ],
)
def test_a_file_that_others_may_not_read_belongs_to_the_group_of_its_reader(
    root: Path, where: str, mode: int, owner: tuple[int, int]
) -> None:
    assert Owners(root)(where, mode) == owner


def test_a_group_that_is_not_there_is_told(root: Path) -> None:
    with pytest.raises(ApplyError, match="/etc/kotoba/x shall be read by the group kotoba, which is not on this machine"):
        Owners(root)("etc/kotoba/x", 0o640)
    (root / "etc/group").unlink()
    with pytest.raises(ApplyError, match="cannot be read"):
        Owners(root)("etc/kotoba/x", 0o640)


def said_of(changed: dict[str, bool]) -> list[str]:
    return [" ".join(command) for command in commands_after(changed, is_there=lambda _: True)]


def test_users_come_before_files_and_files_before_services() -> None:
    paths = [
        "etc/kotoba/stations/cell-01.toml",
        "etc/systemd/system/kotoba-edge.service.d/box.conf",
        "etc/systemd/system/kotoba-firewall.service",
        "etc/kotoba/nftables.conf",
        "etc/udev/rules.d/90-kotoba.rules",
        "etc/tmpfiles.d/kotoba.conf",
        "etc/sysusers.d/kotoba.conf",
        "etc/modules-load.d/kotoba.conf",
        "etc/systemd/journald.conf.d/kotoba.conf",
        "etc/logrotate.d/kotoba",
        "etc/mosquitto/kotoba.conf",
    ]
    assert said_of(dict.fromkeys(paths, True)) == [
        "systemd-sysusers",
        "systemd-tmpfiles --create",
        "systemctl restart systemd-modules-load.service",
        "udevadm control --reload",
        "udevadm trigger",
        "systemctl daemon-reload",
        "systemctl enable kotoba-firewall.service",
        "systemctl restart kotoba-firewall.service",
        "systemctl restart systemd-journald.service",
        "systemctl restart mosquitto.service",
        "systemctl restart kotoba-edge.service",
    ]


def test_station_files_alone_are_taken_over_without_a_restart() -> None:
    stations = {"etc/kotoba/stations/cell-01.toml": True, "etc/kotoba/stations/cell-02.toml": False}
    assert said_of(stations) == ["systemctl reload-or-restart kotoba-edge.service"]
    assert said_of({**stations, "etc/kotoba/environment": True}) == ["systemctl restart kotoba-edge.service"]
    with_unit = said_of({**stations, "etc/systemd/system/kotoba-edge.service.d/box.conf": True})
    assert with_unit == ["systemctl daemon-reload", "systemctl restart kotoba-edge.service"]


def test_a_service_of_the_system_that_the_box_lacks_is_told_nothing(root: Path) -> None:
    changed = {"etc/systemd/timesyncd.conf.d/kotoba.conf": True}
    assert commands_after(changed, is_there=lambda name: has_unit(root, name)) == []
    (root / "usr/lib/systemd/system").mkdir(parents=True)
    (root / "usr/lib/systemd/system/systemd-timesyncd.service").touch()
    assert commands_after(changed, is_there=lambda name: has_unit(root, name)) == [("systemctl", "restart", "systemd-timesyncd.service")]


def test_a_unit_that_is_taken_away_is_stopped_and_not_restarted() -> None:
    changed = {"etc/systemd/system/kotoba-firewall.service": False, "etc/kotoba/nftables.conf": False}
    assert said_of(changed) == [
        "systemctl daemon-reload",
        "systemctl stop kotoba-firewall.service",
        "nft add table inet kotoba; delete table inet kotoba",
    ]


def test_a_unit_that_never_ran_is_stopped_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text("#!/bin/sh\ntest $1 = stop && exit 5\nexit 4\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    run_all([("systemctl", "stop", "kotoba-firewall.service")], say=lambda _: None)
    with pytest.raises(ApplyError, match="failed"):
        run_all([("systemctl", "restart", "kotoba-edge.service")], say=lambda _: None)


@pytest.mark.skipif(shutil.which("nft", path="/usr/sbin:/usr/bin") is None, reason="nft is not installed")
def test_rules_that_are_taken_away_are_unloaded_whether_any_are_loaded_or_not() -> None:
    alone = next((one for one in (["unshare", "--net"], ["unshare", "-Urn"]) if in_network(one, ["nft", "list", "ruleset"]) == 0), None)
    if alone is None:
        pytest.skip("no network namespaces here")
    open_up = shlex.join(OPEN)
    rules = ROOT / "tests/firmware_config/golden/cpu-rtsp/tree/etc/kotoba/nftables.conf"
    script = (
        f"set -e; {open_up}; nft -f {rules}; nft list table inet kotoba >/dev/null; {open_up}; ! nft list table inet kotoba 2>/dev/null"
    )
    assert in_network(alone, ["sh", "-c", script]) == 0


def in_network(alone: list[str], command: list[str]) -> int:
    path = {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}
    return subprocess.run([*alone, *command], check=False, capture_output=True, env=path).returncode


def test_files_that_nobody_has_open_need_no_command() -> None:
    assert said_of({"etc/logrotate.d/kotoba": True, "etc/kotoba/credentials.txt": True}) == []
    assert said_of({"etc/kotoba/consume": True}) == ["systemctl restart kotoba-consume.service"]


def test_a_command_that_fails_is_told_and_the_next_is_not_run(tmp_path: Path) -> None:
    said: list[str] = []
    never = tmp_path / "never"
    with pytest.raises(ApplyError, match=r"exit 3'` failed \(no\): correct that, then run: sh -c '.*'; touch /"):
        run_all([("true",), ("sh", "-c", "echo no >&2; exit 3"), ("touch", str(never))], say=said.append)
    assert said == ["true", "sh -c 'echo no >&2; exit 3'"]
    assert not never.exists()
    with pytest.raises(ApplyError, match="`/nowhere/program` cannot be run"):
        run_all([("/nowhere/program",)], say=said.append)
