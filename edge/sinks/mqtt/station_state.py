"""What the retained state topic of a station says: its camera, how many of each decision, and its last verdict."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.message import Moment, Probability
from edge.records import Decision, Inspection, Reason, Trouble
from firmware_config.strict import STRICT

CAMERA_OUT = frozenset({Reason.CAMERA_STALLED, Reason.CAMERA_UNREACHABLE})
"""With these the camera itself is out; `troubles` says how long."""

PICTURE_TROUBLE = frozenset({
    Reason.UNREADABLE, Reason.UNSUPPORTED, Reason.TOO_LARGE, Reason.EMPTY, Reason.BLANK, Reason.DARK, Reason.CLIPPED, Reason.BLURRED,
    Reason.WRONG_SIZE, Reason.FROZEN, Reason.CAMERA_DAMAGED,
})  # fmt: skip
"""The last picture was not healthy."""


class TroubleNow(BaseModel):
    """What is wrong with the camera now."""

    model_config = STRICT
    code: str = Field(description="`camera_unreachable`, `camera_stalled`, `camera_damaged`, `frozen` or `file_not_moved`.")
    since: Moment
    detail: str = Field(description="One sentence for people.")


class LastVerdict(BaseModel):
    """The last verdict, as far as an overview needs it."""

    model_config = STRICT
    id: str
    epoch: str
    seq: int
    captured_at: Moment
    decision: Decision
    label: str | None
    confidence: Probability | None
    reasons: tuple[Reason, ...]


class State(BaseModel):
    """The state of a station on the wire, retained."""

    model_config = ConfigDict(**STRICT, title="kotoba.state/1")
    station: str
    enabled: bool = Field(description="False: switched off, nothing is inspected.")
    camera: Literal["ok", "trouble", "unreachable", "unknown", "off"] = Field(
        description="unreachable: out now, see `troubles`. trouble: the last picture was not healthy. unknown: no picture yet. "
        "off: switched off with its station."
    )
    troubles: tuple[TroubleNow, ...] = Field(description="What is wrong with the camera now, empty while all is well.")
    counts: dict[str, int] = Field(description="Verdicts by decision since the daemon began.")
    last: LastVerdict | None


class StationState:
    """Grows with each verdict that was delivered since the daemon began."""

    def __init__(self, station: str) -> None:
        self._station = station
        self._last: Inspection | None = None
        self._troubles: tuple[Trouble, ...] = ()
        self._counts: Counter[Decision] = Counter()
        self._enabled = True

    def add(self, inspection: Inspection) -> None:
        """Count a verdict; a replayed one is old and changes nothing. One of a backlog that was put off is not the last one."""
        if not inspection.replayed:
            self._counts[inspection.verdict.decision] += 1
            if self._last is None or self._last.epoch != inspection.epoch or self._last.seq < inspection.seq:
                self._last = inspection

    def set_troubles(self, troubles: tuple[Trouble, ...]) -> None:
        """Take what is wrong with the camera now."""
        self._troubles = troubles

    def set_enabled(self, *, enabled: bool) -> None:
        """Take whether the station is switched on."""
        self._enabled = enabled

    def payload(self) -> bytes:
        """Say it as JSON."""
        last = self._last
        state = State(
            station=self._station,
            enabled=self._enabled,
            camera=self._camera(),
            troubles=tuple(TroubleNow(code=each.code, since=each.since, detail=each.detail) for each in self._troubles),
            counts={decision.value: self._counts[decision] for decision in Decision},
            last=last
            and LastVerdict(
                id=last.id,
                epoch=last.epoch,
                seq=last.seq,
                captured_at=last.captured_at,
                decision=last.verdict.decision,
                label=last.verdict.label,
                confidence=last.verdict.confidence,
                reasons=last.verdict.reasons,
            ),
        )
        return state.model_dump_json().encode()

    def _camera(self) -> Literal["ok", "trouble", "unreachable", "unknown", "off"]:
        if not self._enabled:
            return "off"
        if any(trouble.code in {reason.value for reason in CAMERA_OUT} for trouble in self._troubles):
            return "unreachable"
        if self._last is None:
            return "unknown"
        return "trouble" if PICTURE_TROUBLE.intersection(self._last.verdict.reasons) else "ok"


def state_schema() -> dict[str, Any]:
    """Give the JSON Schema of the state."""
    return State.model_json_schema(mode="serialization")
