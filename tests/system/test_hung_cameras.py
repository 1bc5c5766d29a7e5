"""The daemon ends at once, also while a camera of it hangs, and leaves no reader behind."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.support.harmed_boxes import Box, use_another_camera
from tests.support.video_files import write_video
from tests.system.test_failures import DEADLINE_S, box, sound, wait_for

__all__ = ["box", "sound"]  # fixtures

STOP_TIMEOUT_S = 30.0
"""It takes 2 to 4 s; systemd kills after 90."""


@pytest.mark.long
def test_a_daemon_whose_video_hangs_ends_when_it_is_told_to(box: Box, tmp_path: Path) -> None:
    write_video(tmp_path / "line.avi", 500)
    use_another_camera(box, 'kind = "video"', f'path = "{tmp_path / "line.avi"}"', "read_ms = 3_600_000")
    log = tmp_path / "log"
    process = box.start("kotoba-edge run", log)
    try:
        daemon = psutil.Process(process.pid)
        wait_for(lambda: [child for child in daemon.children() if "edge.cameras.reader" in child.cmdline()], process)
        readers = [child for child in daemon.children() if "edge.cameras.reader" in child.cmdline()]
        for reader in readers:
            reader.send_signal(signal.SIGSTOP)
        wait_for(lambda: "running stations=" in log.read_text(), process)

        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_TIMEOUT_S)
    finally:
        process.kill()
        process.wait(DEADLINE_S)

    assert code == 0, log.read_text()
    assert [reader for reader in readers if reader.is_running()] == []
    assert "stopped stations=cell-01" in log.read_text()
