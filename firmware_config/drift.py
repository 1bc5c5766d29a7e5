"""When a station says that its words have changed. No verdict depends on it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from firmware_config.strict import STRICT

HOURS_OF_A_MONTH = 30 * 24


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = f"{moment.isoformat()} names no time zone: append Z or +09:00"
        raise ValueError(msg)
    return moment.astimezone(timezone.utc)


class Drift(BaseModel):
    """How often each word is said, shift after shift, against the first shifts: what changes is told. No verdict depends on these keys."""

    model_config = STRICT
    watch: bool = Field(default=True, description="False: words are not counted, and no change is told.")
    window_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = Field(
        default=8, description="Length of a window in hours, as a rule a shift: 1, 2, 3, 4, 6, 8, 12 or 24."
    )
    shift_start_hour: int = Field(default=6, ge=0, le=23, description="The hour (0 to 23, time zone of the box) at which a shift begins.")
    min_parts: int = Field(default=200, ge=20, description="A window with fewer described parts goes on through the next shift.")
    reference_windows: int = Field(
        default=42, ge=14, le=400, description="The first so many windows are the reference; until they are there nothing is told."
    )
    reference_from: Annotated[datetime, AfterValidator(_in_utc)] | None = Field(
        default=None,
        description="The reference begins here: what was counted before is left out. It makes a change the new usual.",
        examples=["2026-05-04T06:00:00+09:00"],
    )
    smallest_ratio: float = Field(
        default=1.5, ge=1.0, le=100.0, description="The odds of a word must change at least by this factor, up or down, to be told."
    )
    smallest_change: float = Field(
        default=0.01, ge=0.0, le=1.0, description="The share of parts with a word (0 to 1) must change at least by this much to be told."
    )
    false_alarms_a_month: float = Field(
        default=1.0, gt=0.0, le=30.0, description="So many false alarms in 30 days are accepted, for the station as a whole."
    )

    @property
    def false_alarms_a_window(self) -> float:
        """The false discovery rate of one window."""
        return self.false_alarms_a_month * self.window_hours / HOURS_OF_A_MONTH
