"""The number of threads for inference."""

from __future__ import annotations

import os

from firmware_config.board import Board


def threads_of(board: Board) -> int:
    """Return the board's number of threads; if it is 0, the number of cores that this process may run on."""
    return board.threads or len(os.sched_getaffinity(0))
