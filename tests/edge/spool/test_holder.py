"""One daemon has a spool at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import SpoolError
from edge.spool.holder import held_alone
from tests.support.repository import ROOT

HOLDS = """
import sys
from pathlib import Path
from edge.spool.holder import held_alone
with held_alone(Path(sys.argv[1])):
    print(1, flush=True)
    sys.stdin.read()
"""


def test_a_second_daemon_is_refused_with_the_first_ones_process_until_that_has_ended(tmp_path: Path) -> None:
    spool = tmp_path / "spool.sqlite"
    with held_alone(spool):
        with (
            pytest.raises(SpoolError, match=rf"another daemon \(process {os.getpid()}\) has the spool {spool}: stop it"),
            held_alone(spool),
        ):
            pass
        with held_alone(tmp_path / "other.sqlite"):
            pass
    with held_alone(spool):
        pass


def test_a_kill_gives_the_spool_back(tmp_path: Path) -> None:
    spool = tmp_path / "spool.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(spool)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        with pytest.raises(SpoolError, match=rf"process {process.pid}\)"), held_alone(spool):
            pass
        process.send_signal(signal.SIGKILL)
    with held_alone(spool):
        pass


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="the folder of the spool must exist"), held_alone(tmp_path / "nowhere" / "spool.sqlite"):
        pass
