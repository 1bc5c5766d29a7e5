"""What the box says on its own topics, beside verdicts and the state of stations: retained status and info, and events."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.message import Moment
from firmware_config.strict import STRICT


class Status(BaseModel):
    """How the box is, retained; the broker says `offline` for it when the connection is lost, and then only that."""

    model_config = ConfigDict(**STRICT, title="kotoba.status/1")
    state: Literal["online", "degraded", "stopping", "offline"]
    since: Moment | None = Field(default=None, description="Since when it is so.")
    detail: str | None = Field(default=None, description="Why, in one sentence for people.")
    stations: tuple[str, ...] = Field(default=(), description="The stations concerned.")

    def payload(self) -> bytes:
        """Say it as JSON, without what is not known."""
        return self.model_dump_json(exclude_defaults=True).encode()


class Enabled(BaseModel):
    """Whether a station inspects, retained."""

    model_config = ConfigDict(**STRICT, title="kotoba.enabled/1")
    enabled: bool
    since: Moment = Field(description="Since when it is so.")

    def payload(self) -> bytes:
        """Say it as JSON."""
        return self.model_dump_json().encode()


class NamedBundle(BaseModel):
    """The bundle that the box runs."""

    model_config = STRICT
    name: str
    version: int
    digest: str


class Info(BaseModel):
    """What the box is, retained."""

    model_config = ConfigDict(**STRICT, title="kotoba.info/1")
    schema_: Literal["kotoba.inspection/1"] = Field(default="kotoba.inspection/1", alias="schema", description="Schema of the verdicts.")
    box: str
    instance: str = Field(description="Differs for each box and with each start: two boxes of one name are told apart by it.")
    stations: tuple[str, ...] = Field(description="The stations whose verdicts it sends to this broker under this root.")
    version: str = Field(description="Version of the software.")
    bundle: NamedBundle
    board: str
    providers: tuple[str, ...] = Field(description="The execution providers that it wants, the preferred one first.")


class Presence(BaseModel):
    """What boxes of one name say to each other: who is there, for how long."""

    model_config = ConfigDict(**STRICT, title="kotoba.presence/1")
    instance: str = Field(max_length=64, description="Who says it, as on the topic `info`.")
    held_s: float = Field(ge=0, description="Seconds for which it has published here.")
    asks: bool = Field(description="True: who else uses this name? False: the answer; it stays, and who asked leaves.")


class BundleEventMessage(BaseModel):
    """What happened to a bundle on the box."""

    model_config = ConfigDict(**STRICT, title="kotoba.bundle_event/1")
    event: Literal["bundle"] = "bundle"
    at: Moment
    news: Literal["trial", "good", "returned", "running"] = Field(
        description="Its trial has begun; it was good and judges from now on; it has gone back, and the one before judges on; somebody "
        "has gone back to it."
    )
    name: str
    version: int
    digest: str
    why: str = Field(description="One sentence for people.")


class ChangedShare(BaseModel):
    """How often a word was said in the window that is over, and in the reference."""

    model_config = STRICT
    news: Literal["changed", "back"] = Field(description="changed: it is said more or less often; back: as often as before again.")
    kind: Literal["tag", "attribute", "measured", "term", "reason"]
    word: str = Field(description="The word; of kind `reason` a reason code: unfamiliar or new_condition.")
    since: Moment = Field(description="The beginning of the first window in which it is so.")
    count: int = Field(ge=0, description="Parts with the word, of `parts`.")
    parts: int = Field(ge=1)
    count_before: int = Field(ge=0, description="Parts of the reference with the word, of `parts_before`.")
    parts_before: int = Field(ge=1)


class DriftEventMessage(BaseModel):
    """Words of a station have changed."""

    model_config = ConfigDict(**STRICT, title="kotoba.drift_event/1")
    event: Literal["drift"] = "drift"
    at: Moment
    station: str
    text: str = Field(description="The changes for people, in the language of the station.")
    number: int = Field(ge=1, description="How many words have changed.")
    changes: tuple[ChangedShare, ...] = Field(description="The surest of them, 20 at most.")


class ReplayEvent(BaseModel):
    """The answer to a request for verdicts again. The request's fields are null where it was not understood."""

    model_config = ConfigDict(**STRICT, title="kotoba.event/1")
    event: Literal["replay"] = "replay"
    at: Moment
    station: str | None
    epoch: str | None
    first: int | None
    last: int | None
    found: int = Field(ge=0, description="How many of them the box still has, and sends again.")
    refused: str | None = Field(description="Why none are sent, in one sentence; null: they are.")
