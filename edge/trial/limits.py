"""What a bundle in trial must keep to."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_config.board import Board
from firmware_config.settings import BoxSettings

LOAD_S, COMPILE_S = 60.0, 900.0
"""Deadlines for loading the models; the second where TensorRT compiles them first."""

PICTURE_S, SLOWEST_STATION = 10.0, 4.0
"""Deadline for one picture: this, or so many times the longest deadline of a station."""


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """The limits of a trial; the settings `trial_...` of a box say more of each.

    `memory_bytes` is the most resident memory of the child process. `fast_enough_ms` per golden picture is never too slow; above it a
    bundle may take `slower` times as long as the running one. `max_passed` (0..1) is of the pictures that the running bundle rejects.
    """

    memory_bytes: int
    fast_enough_ms: float
    slower: float
    shadow_s: float
    pictures: int
    max_passed: float
    max_disagreed: float
    load_s: float = LOAD_S
    picture_s: float = PICTURE_S


def trial_limits(settings: BoxSettings, board: Board, *, slowest_deadline_ms: int = 0) -> TrialLimits:
    """The limits that a box is configured with; `slowest_deadline_ms` is the longest deadline of its stations."""
    return TrialLimits(
        memory_bytes=(settings.trial_memory_mb or board.memory_mb) * 1_000_000,
        fast_enough_ms=settings.trial_fast_enough_ms,
        slower=settings.trial_slower,
        shadow_s=settings.trial_minutes * 60,
        pictures=settings.trial_pictures,
        max_passed=settings.trial_max_passed,
        max_disagreed=settings.trial_max_disagreed,
        load_s=COMPILE_S if "tensorrt" in board.providers else LOAD_S,
        picture_s=max(PICTURE_S, SLOWEST_STATION * slowest_deadline_ms / 1e3),
    )
