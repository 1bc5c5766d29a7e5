"""How a bundle on trial has to prove itself on this box."""

from __future__ import annotations

from pydantic import BaseModel, Field

from firmware_config.settings import BoxSettings
from firmware_config.strict import STRICT

_DEFAULTS = BoxSettings.model_construct()


def _said_of(name: str) -> str | None:
    """What the variable of the daemon says."""
    return BoxSettings.model_fields[f"trial_{name}"].description


class Trial(BaseModel):
    """How long a new bundle is on trial beside the one that judges, and what sends it back."""

    model_config = STRICT
    minutes: float = Field(default=_DEFAULTS.trial_minutes, ge=0, le=100_000, description=_said_of("minutes"))
    pictures: int = Field(default=_DEFAULTS.trial_pictures, ge=0, description=_said_of("pictures"))
    memory_mb: int | None = Field(default=None, ge=1, description=_said_of("memory_mb"), examples=[1500])
    fast_enough_ms: float = Field(default=_DEFAULTS.trial_fast_enough_ms, ge=0, description=_said_of("fast_enough_ms"))
    slower: float = Field(default=_DEFAULTS.trial_slower, gt=0, description=_said_of("slower"))
    max_passed: float = Field(default=_DEFAULTS.trial_max_passed, ge=0, le=1, description=_said_of("max_passed"))
    max_disagreed: float = Field(default=_DEFAULTS.trial_max_disagreed, ge=0, le=1, description=_said_of("max_disagreed"))
