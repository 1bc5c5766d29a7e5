"""The demo as its user runs it, in a network namespace that holds nothing but loopback, with every system call to the network watched."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.support.repository import KEYS, ROOT, STARTER, STARTER_PICTURES
from tests.support.station_files import changed_station

COMMAND = [sys.executable, "-m", "edge.cli"]
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
PICTURES = 8


def _alone(command: list[str], trace: Path) -> list[str]:
    """The command in a namespace of its own, with its network calls written down."""
    inside = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace), *command]
    return ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *inside]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path, str]:
    out = tmp_path_factory.mktemp("demo")
    trace = out / "trace.txt"
    command = [*COMMAND, "demo", "--pictures", str(PICTURES), "--language", "en", "--out", str(out)]
    done = subprocess.run(_alone(command, trace), cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    return done, out, trace.read_text(errors="replace") if trace.exists() else ""


def test_every_verdict_arrives_over_mqtt_and_the_demo_ends_by_itself(shown: tuple[subprocess.CompletedProcess[str], Path, str]) -> None:
    done, _, _ = shown
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^ +\d+  (OK|NG|REVIEW) ", done.stdout, re.MULTILINE)) == PICTURES
    assert f"{PICTURES} verdicts received over MQTT" in done.stdout
    for material in ("mono", "poly"):
        assert re.search(rf"^{material} +escape: \d of 2 defective are OK; overkill: \d of 2 good are not OK", done.stdout, re.MULTILINE)
    assert "for evaluation only" in done.stdout.splitlines()[1]


def test_the_contact_sheet_shows_pictures(shown: tuple[subprocess.CompletedProcess[str], Path, str]) -> None:
    _, out, _ = shown
    sheet = cv2.imread(str(out / "contact-sheet.png"))
    assert sheet is not None
    assert sheet.shape[0] > 500
    assert sheet.std() > 20


def test_no_other_host_is_ever_spoken_to(shown: tuple[subprocess.CompletedProcess[str], Path, str]) -> None:
    _, _, trace = shown
    spoken_to = {one or other for one, other in ADDRESS.findall(trace)}
    assert "127.0.0.1" in spoken_to
    assert all(address.startswith("127.") or address == "::1" for address in spoken_to)


def test_the_watch_on_the_network_sees_an_attempt(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    attempt = [sys.executable, "-c", "import socket; socket.socket().connect_ex(('192.0.2.1', 9))"]
    subprocess.run(_alone(attempt, trace), timeout=60, check=True)
    assert "192.0.2.1" in trace.read_text()


def test_inspect_says_the_same_of_the_same_picture_100_times(tmp_path: Path) -> None:
    station = tmp_path / "station.toml"
    station.write_text(changed_station(STARTER / "golden/station.toml", {"judge": {"cached_scores": 0}}))  # each time the model itself
    picture = STARTER_PICTURES / "crack-1.png"
    out = tmp_path / "out.jsonl"
    bundle = [*("--bundle", str(STARTER), "--keys", str(KEYS)), "--station", str(station)]
    subprocess.run(
        [*COMMAND, "inspect", *[str(picture)] * 100, *bundle, "--jsonl", str(out)], cwd=ROOT, timeout=280, check=True, capture_output=True
    )
    seen = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert len(seen) == 100
    for one in seen:
        del one["id"], one["captured_at"], one["timings_ms"]
    assert seen[1:] == seen[:1] * 99
