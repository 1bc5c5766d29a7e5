"""How many threads inference may use."""

from __future__ import annotations

import os

from firmware_config.board import Board


def threads_of(board: Board) -> int:
    """Give the board's number, or one for each core that this process may run on."""
    return board.threads or len(os.sched_getaffinity(0))
