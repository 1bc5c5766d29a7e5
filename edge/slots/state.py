"""What a box knows about its two slots: the content of state.json, the only truth about which bundle runs.

The folders beside it may be in any state that a kill or a power cut leaves: what state.json does not name does not count.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from firmware_config.bundle_slots import SLOTS, STATE_NAME, SlotName
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json

__all__ = [
    "MAX_HISTORY",
    "MAX_STATE_BYTES",
    "MAX_WHY",
    "SLOTS",
    "STATE_NAME",
    "Event",
    "Slot",
    "SlotName",
    "State",
    "Trial",
    "parse_state",
    "state_bytes",
]

MAX_STATE_BYTES = 1_000_000
MAX_HISTORY = 50
MAX_WHY = 1_000
"""Characters of a sentence that is kept."""

Condition = Literal["staged", "trial", "good", "returned"]
"""Of a slot. staged: checked, never run. trial: being tried. good: has run well, or is the only one. returned: went back, and why."""

KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
Why = Annotated[str, Field(max_length=MAX_WHY)]


class Slot(BaseModel):
    """The bundle in one slot. `digest` is that of its manifest: a folder with another one is not this bundle."""

    model_config = STRICT
    name: Name
    version: int = Field(ge=1)
    digest: Digest
    key_id: KeyId
    state: Condition
    installed_at: AwareDatetime
    why: Why = Field(default="", description="Why it went back; empty otherwise.")
    downgrade: Why = Field(default="", description="Why a person let the box take it though it has run a newer one; empty otherwise.")
    memory_mb: int | None = Field(
        default=None, ge=0, description="Resident memory that reading its largest models took when it was checked."
    )
    revokes: tuple[KeyId, ...] = Field(default=(), description="Keys that count as revoked once this bundle is good.")

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


class Trial(BaseModel):
    """A trial that is under way. One that is found at the start of the daemon was ended by a crash or a power cut."""

    model_config = STRICT
    slot: SlotName
    started_at: AwareDatetime
    attempts: int = Field(ge=1, description="How often the daemon began it.")
    shadow_until: AwareDatetime | None = Field(
        default=None, description="When its live pictures in shadow are over; null before they begin."
    )


class Event(BaseModel):
    """Something that happened to a slot."""

    model_config = STRICT
    at: AwareDatetime
    event: Literal["installed", "asked", "withdrawn", "trial", "shadow", "good", "returned", "rollback", "key", "revoked"]
    slot: SlotName | None
    name: str = ""
    version: int | None = None
    digest: str = ""
    why: Why = ""


class State(BaseModel):
    """Both slots. `running` is the slot whose bundle judges; `wanted` the one that a person asked to be tried."""

    model_config = STRICT
    schema_id: Literal["kotoba.slots/1"] = Field(default="kotoba.slots/1", alias="schema")
    running: SlotName | None = None
    wanted: SlotName | None = None
    trial: Trial | None = None
    a: Slot | None = None
    b: Slot | None = None
    revoked: tuple[KeyId, ...] = Field(default=(), description="Keys that bundles revoked which this box has run.")
    history: tuple[Event, ...] = Field(default=(), max_length=MAX_HISTORY)

    def slot(self, name: SlotName) -> Slot | None:
        """The bundle in a slot, None if there is none."""
        return self.a if name == "a" else self.b

    @property
    def other(self) -> SlotName:
        """The slot that does not run: into it goes what is installed next."""
        return "b" if self.running == "a" else "a"

    @model_validator(mode="after")
    def _fits_together(self) -> State:
        running = None if self.running is None else self.slot(self.running)
        if self.running is not None and (running is None or running.state != "good"):
            msg = f"slot {self.running} runs and is not good"
            raise ValueError(msg)
        if self.wanted is not None and (self.wanted == self.running or self.slot(self.wanted) is None):
            msg = f"slot {self.wanted} is wanted, and runs or is empty"
            raise ValueError(msg)
        tried = [name for name in SLOTS if (slot := self.slot(name)) is not None and slot.state == "trial"]
        if tried != ([] if self.trial is None else [self.trial.slot]) or (self.trial is not None and self.trial.slot == self.running):
            msg = "the trial and the states of the slots contradict each other"
            raise ValueError(msg)
        return self


def parse_state(raw: bytes) -> State:
    """Read the content of state.json.

    Raises:
        ValueError: it is none; `firmware_config.errors.first_mistake` puts it into words.
    """
    return read_json(State, raw)


def state_bytes(state: State) -> bytes:
    """The content of state.json."""
    return (state.model_dump_json(by_alias=True, indent=1) + "\n").encode()
