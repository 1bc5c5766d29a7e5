from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2

from tests.support.judged_words import judging_options
from tests.support.picture_files import gradient

PICTURES = 3


def test_a_reader_that_closes_the_pipe_early_is_not_a_failure(tmp_path: Path) -> None:
    for number in range(PICTURES):
        cv2.imwrite(str(tmp_path / f"{number}.png"), gradient())
    command = [sys.executable, "-m", "edge.cli", "inspect", str(tmp_path), *judging_options()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait(60) == 0, error
    assert b"kotoba-edge:" not in error
