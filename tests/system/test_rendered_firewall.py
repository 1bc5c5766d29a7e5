"""The rendered firewall as the kernel carries it out: two networks with a cable between them, and only who is named comes through."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from firmware_config.board import read_board
from firmware_config.box import parse_box
from firmware_config.system_files import render_files
from tests.support.golden_boxes import BOXES, NAMES, tree_of
from tests.support.mosquitto import program
from tests.support.repository import ROOT
from tests.support.two_networks import Attempt

RULES = "etc/kotoba/nftables.conf"


def has(name: str) -> bool:
    return shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin") is not None


def alone() -> list[str]:
    """How to run a command in a network of its own, empty where that is not allowed here."""
    for command in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        probe = [*command, "sh", "-c", "ip link add box0 type veth peer name plant0 && nft list ruleset"]
        if subprocess.run(probe, capture_output=True, check=False, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}).returncode == 0:
            return command
    return []


needs_nft = pytest.mark.skipif(not has("nft"), reason="nft is not installed")


@needs_nft
@pytest.mark.parametrize("name", NAMES)
def test_nft_understands_the_rules(name: str) -> None:
    in_own_network = alone()
    if not in_own_network:
        pytest.skip("no network namespaces here")
    checked = subprocess.run(
        [*in_own_network, program("nft"), "-c", "-f", str(tree_of(name) / RULES)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


BOX4, BOX6 = "10.20.0.11", "fd20::11"
DATABASE4, DATABASE6, PLC, READER, ADMIN = "10.20.3.40", "fd20:3::40", "10.20.4.3", "10.20.0.9", "10.20.9.5"
CAMERA4, CAMERA6, CLOCK = "10.20.5.21", "fd20:5::22", "10.20.0.3"
STRANGER4, STRANGER6 = "10.20.0.66", "fd20::66"
"""The last two are in no file."""

OPEN = (
    Attempt("plant", DATABASE4, BOX4, 8883),
    Attempt("plant", DATABASE6, BOX6, 8883),
    Attempt("plant", PLC, BOX4, 8883),
    Attempt("plant", READER, BOX4, 9108),
    Attempt("plant", ADMIN, BOX4, 22),
    Attempt("plant", CAMERA6, BOX6, 5000, "udp"),
    Attempt("box", BOX4, CAMERA4, 554),
    Attempt("box", BOX6, CAMERA6, 8554),
    Attempt("box", BOX4, CLOCK, 123, "udp"),
    Attempt("box", "127.0.0.1", "127.0.0.1", 1883),
    Attempt("box", "::1", "::1", 9108),
)
CLOSED = (
    Attempt("plant", STRANGER4, BOX4, 8883),
    Attempt("plant", STRANGER6, BOX6, 8883),
    Attempt("plant", STRANGER4, BOX4, 22),
    Attempt("plant", STRANGER4, BOX4, 5000, "udp"),
    Attempt("plant", STRANGER6, BOX6, 5000, "udp"),
    Attempt("plant", DATABASE4, BOX4, 22),
    Attempt("plant", DATABASE6, BOX6, 9108),
    Attempt("plant", ADMIN, BOX4, 8883),
    Attempt("plant", CAMERA4, BOX4, 5000, "udp"),
    Attempt("plant", CAMERA6, BOX6, 8883),
    Attempt("box", BOX4, STRANGER4, 443),
    Attempt("box", BOX4, STRANGER4, 554),
    Attempt("box", BOX6, STRANGER6, 443),
    Attempt("box", BOX6, STRANGER6, 8554),
    Attempt("box", BOX4, STRANGER4, 53, "udp"),
    Attempt("box", BOX4, STRANGER4, 123, "udp"),
    Attempt("box", BOX4, CAMERA4, 443),
    Attempt("box", BOX6, CAMERA6, 443),
    Attempt("box", BOX4, DATABASE4, 443),
)


def came_through(attempts: Sequence[Attempt], rules: Path | None, folder: Path) -> list[Attempt]:
    in_own_network = alone()
    if not in_own_network:
        pytest.skip("no network namespaces here")
    plan = {
        "box": [f"{BOX4}/16", f"{BOX6}/16"],
        "plant": [
            *(f"{address}/16" for address in (DATABASE4, PLC, READER, ADMIN, CAMERA4, CLOCK, STRANGER4)),
            *(f"{address}/16" for address in (DATABASE6, CAMERA6, STRANGER6)),
        ],
        "box_ports": [22, 1883, 5000, 8883, 9108],
        "plant_ports": [53, 123, 443, 554, 8554],
        "rules": None if rules is None else str(rules),
        "attempts": [asdict(one) for one in attempts],
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    path = {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    command = [*in_own_network, sys.executable, "-m", "tests.support.two_networks", str(folder / "plan.json")]
    done = subprocess.run(command, cwd=ROOT, env=path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [one for one, came in zip(attempts, json.loads(done.stdout), strict=True) if came]


@needs_nft
@pytest.mark.long
def test_without_rules_everybody_comes_through(tmp_path: Path) -> None:
    assert came_through([*OPEN, *CLOSED], None, tmp_path) == [*OPEN, *CLOSED]


@needs_nft
@pytest.mark.long
def test_only_who_is_named_comes_through_in_both_directions(tmp_path: Path) -> None:
    assert came_through([*OPEN, *CLOSED], tree_of("cpu-rtsp") / RULES, tmp_path) == [*OPEN]


@needs_nft
def test_hosts_that_lie_in_a_named_network_are_no_mistake(tmp_path: Path) -> None:
    # nftables refuses a set of addresses that overlap.
    text = (BOXES / "orin-csi/box.toml").read_text().replace('["192.168.55.0/30"]', '["10.0.0.0/8", "10.0.0.1", "10.1.0.0/16", "10.0.0.1"]')
    box = parse_box(text.encode(), source="box.toml")
    rules = tmp_path / "rules"
    rules.write_text(render_files(box, read_board("cpu"))[RULES])
    in_own_network = alone()
    if not in_own_network:
        pytest.skip("no network namespaces here")
    assert subprocess.run([*in_own_network, program("nft"), "-f", str(rules)], check=False).returncode == 0
