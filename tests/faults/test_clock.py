from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timezone

import pytest

from tests.faults.clock import Clock
from tests.support.repository import ROOT

CHILD = """
import datetime, sys, time
for _ in sys.stdin:
    now = datetime.datetime.now(datetime.timezone.utc)
    print(now.isoformat(), time.time() - now.timestamp(), time.monotonic(), flush=True)
"""
TOLERANCE_S = 30.0


def test_a_process_sees_its_clock_jump_stand_still_and_come_back() -> None:
    with (
        Clock() as clock,
        subprocess.Popen(
            [sys.executable, "-c", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, **clock.environment()},
        ) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        readings = []
        for change in ("true", "1970-01-01", "+365d", "-1h", "freeze", "true"):
            clock.change(change)
            child.stdin.write("?\n")
            wall, difference, elapsed = child.stdout.readline().split()
            assert abs(float(difference)) < TOLERANCE_S  # C and Python see the same clock
            readings.append((datetime.fromisoformat(wall), float(elapsed)))
        child.stdin.close()

    walls, monotonic = [wall for wall, _ in readings], [reading for _, reading in readings]
    began = datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert [round((wall - began).total_seconds() / 3_600) for wall in walls[1:5]] == [0, 365 * 24, 365 * 24 - 1, 365 * 24 - 1]
    assert abs((walls[5] - walls[0]).total_seconds()) < TOLERANCE_S
    assert monotonic == sorted(monotonic)
    assert monotonic[-1] - monotonic[0] < TOLERANCE_S


def test_a_frozen_clock_stands_still() -> None:
    code = "import time; first = time.time(); time.sleep(0.05); raise SystemExit(int(time.time() != first))"
    with Clock() as clock:
        clock.freeze()
        done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **clock.environment()}, timeout=60, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("text", ["yesterday", "+5", "365d"])
def test_what_is_no_change_is_refused(text: str) -> None:
    with Clock() as clock, pytest.raises(ValueError, match="isoformat"):
        clock.change(text)


def test_the_command_changes_the_clock_on_schedule_and_ends_as_its_child_does() -> None:
    code = "import sys, time, datetime; time.sleep(0.6); sys.exit(datetime.datetime.now(datetime.timezone.utc).year - 1970)"
    command = [sys.executable, "-m", "tests.faults.clock", "--at", "0:1970-01-01", "--at", "0.1:+800d", sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == 2
