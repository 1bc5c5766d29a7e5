"""The trigger of a station, made from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import assert_never

if TYPE_CHECKING:
    from edge.interfaces import Trigger
    from firmware_config.triggers import Trigger as Settings


def open_trigger(settings: Settings) -> Trigger:
    """Make the trigger; its time begins now."""
    match settings.kind:
        case "continuous" | "mqtt":  # with mqtt the camera runs freely: `Requests` chooses
            from edge.triggers.continuous import ContinuousTrigger

            return ContinuousTrigger()
        case "interval":
            from edge.triggers.interval import IntervalTrigger

            return IntervalTrigger(interval_s=settings.interval_ms / 1e3)
        case _:
            assert_never(settings.kind)
