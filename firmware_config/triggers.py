"""The trigger section of a station file: when the station inspects."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, model_validator

from firmware_config.strict import STRICT


class Trigger(BaseModel):
    """When to inspect: every frame (continuous), one frame each `interval_ms`, or the frame nearest to each request over MQTT (mqtt)."""

    model_config = STRICT
    kind: Literal["continuous", "interval", "mqtt"] = Field(
        default="continuous",
        description='"continuous": every frame; "interval": one frame each `interval_ms`; "mqtt": one frame for each request on the topic '
        "`trigger` of the station. It needs a camera that runs freely (v4l2, rtsp), [outputs.mqtt] and `deadline_ms`.",
    )
    interval_ms: int = Field(default=1_000, ge=10, description='Milliseconds from one frame to the next, with kind = "interval".')
    deadline_ms: int | None = Field(
        default=None,
        ge=1,
        description="Milliseconds; a verdict later than this after capture is REVIEW, reason `late`. Unset: never late. "
        'With kind = "mqtt" it counts from the arrival of the request, which has its answer by then.',
        examples=[2000],
    )
    nearest_ms: int = Field(
        default=100,
        ge=1,
        le=60_000,
        description='Milliseconds, with kind = "mqtt"; a request without a frame as near to it as this is a FAULT. '
        "Keep it below the time between two parts.",
    )

    @model_validator(mode="after")
    def _answers_have_a_deadline(self) -> Trigger:
        if self.kind == "mqtt" and self.deadline_ms is None:
            msg = 'kind = "mqtt" needs `deadline_ms`, the milliseconds within which each request has its answer'
            raise ValueError(msg)
        return self
