"""How a bundle on trial has to prove itself on this box."""

from __future__ import annotations

from pydantic import BaseModel, Field

from firmware_config.settings import BoxSettings
from firmware_config.strict import STRICT

_DEFAULTS = BoxSettings.model_construct()


class Trial(BaseModel):
    """How long a new bundle is on trial beside the one that judges, and what sends it back."""

    model_config = STRICT
    minutes: float = Field(
        default=_DEFAULTS.trial_minutes,
        ge=0,
        le=100_000,
        description="Minutes for which it sees live pictures, beside the one that judges.",
    )
    pictures: int = Field(
        default=_DEFAULTS.trial_pictures, ge=0, description="Live pictures that it sees at least, however long that takes."
    )
    memory_mb: int | None = Field(
        default=None, ge=1, description="Megabytes of memory that it may take. Unset: memory_mb of the board.", examples=[1500]
    )
    fast_enough_ms: float = Field(
        default=_DEFAULTS.trial_fast_enough_ms, ge=0, description="Milliseconds for a golden picture that are never too slow."
    )
    slower: float = Field(
        default=_DEFAULTS.trial_slower, gt=0, description="So many times as long as the running one it may take for a golden picture."
    )
    max_passed: float = Field(
        default=_DEFAULTS.trial_max_passed,
        ge=0,
        le=1,
        description="Of the live pictures that the running bundle rejects (NG), the largest share (0 to 1) that may be OK for it.",
    )
    max_disagreed: float = Field(
        default=_DEFAULTS.trial_max_disagreed,
        ge=0,
        le=1,
        description="The largest share (0 to 1) of live pictures that it may decide otherwise; 1: however many.",
    )
