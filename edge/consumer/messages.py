"""What comes from a box, as far as a consumer needs it. Unknown keys are let through: a box may be newer than its consumer."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from edge.errors import MessageError
from edge.message import MAX_MESSAGE_BYTES

LARGEST_SEQ = 2**63 - 1
"""The largest number of the databases."""

LENIENT = ConfigDict(extra="ignore", frozen=True, strict=True)

_Kind = TypeVar("_Kind", bound=BaseModel)


def _no_nul(value: str) -> str:
    if "\0" in value:
        msg = "a NUL character, which databases refuse"
        raise ValueError(msg)
    return value


Text = Annotated[str, AfterValidator(_no_nul)]
Name = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_no_nul)]
Seq = Annotated[int, Field(ge=1, le=LARGEST_SEQ)]


class VerdictMessage(BaseModel):
    """One verdict. `text` is the whole message, as it came.

    `decision` is OK, NG, REVIEW or FAULT; a line that reads another word must not take it for OK.
    """

    model_config = LENIENT
    schema_: Literal["kotoba.inspection/1"] = Field(alias="schema")
    id: Name
    station: Name
    epoch: Name
    seq: Seq
    captured_at: AwareDatetime
    decision: Name
    label: Text | None
    confidence: float | None = Field(ge=0, le=1)
    reasons: tuple[Text, ...]
    part_id: Text | None = None
    replayed: bool = False
    text: str = Field(default="", exclude=True)


class Numbered(BaseModel):
    """What is left of a verdict that cannot be stored: its number."""

    model_config = LENIENT
    schema_: Literal["kotoba.inspection/1"] = Field(alias="schema")
    station: Name
    epoch: Name
    seq: Seq


class Last(BaseModel):
    """The last verdict that a box has delivered."""

    model_config = LENIENT
    epoch: Name
    seq: Seq


class State(BaseModel):
    """The retained state of a station."""

    model_config = LENIENT
    station: Name
    last: Last | None


class Info(BaseModel):
    """What a box says of itself."""

    model_config = LENIENT
    stations: tuple[Name, ...] = ()


class Answer(BaseModel):
    """What a box says to a request for verdicts: how many of the range it has and sends again, or why it does not look."""

    model_config = LENIENT
    event: Literal["replay"]
    station: Name
    epoch: Name
    first: Seq
    last: Seq
    found: int | None = Field(default=None, ge=0)
    refused: str | None = None


def read_verdict(payload: bytes, *, station: str) -> VerdictMessage:
    """Read the verdict that came on a topic of `station`.

    Raises:
        MessageError: it is too long, is no JSON, has another schema or lacks something, or names another station.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        msg = f"it has {len(payload)} bytes, expected at most {MAX_MESSAGE_BYTES}"
        raise MessageError(msg)
    try:
        text = payload.decode()
        verdict = VerdictMessage.model_validate_json(payload)
    except UnicodeDecodeError as err:
        msg = f"it is not UTF-8 ({err.reason} at byte {err.start})"
        raise MessageError(msg) from err
    except ValidationError as err:
        first = err.errors()[0]
        msg = f"{'.'.join(map(str, first['loc'])) or 'the message'}: {first['msg']}"
        raise MessageError(msg) from err
    if verdict.station != station:
        msg = f"it is of station {verdict.station}, and its topic names {station}"
        raise MessageError(msg)
    return verdict.model_copy(update={"text": text})


def read_number(payload: bytes, *, station: str) -> Numbered | None:
    """The number of what `read_verdict` refuses, so that it is not asked for in vain; None: it has none, or another schema.

    One of another schema is for a consumer of later: who knows its schema asks for it.
    """
    number = _read(Numbered, payload)
    return number if number is not None and number.station == station else None


def read_state(payload: bytes) -> State | None:
    """None: it is none."""
    return _read(State, payload)


def read_info(payload: bytes) -> Info | None:
    """None: it is none."""
    return _read(Info, payload)


def read_answer(payload: bytes) -> Answer | None:
    """None: it is another event."""
    return _read(Answer, payload)


def request(station: str, epoch: str, first: int, last: int) -> bytes:
    """What asks a box for verdicts, by number, both included."""
    asked: dict[str, Any] = {"station": station, "epoch": epoch, "first": first, "last": last}
    return json.dumps(asked, ensure_ascii=False).encode()


def _read(kind: type[_Kind], payload: bytes) -> _Kind | None:
    if len(payload) > MAX_MESSAGE_BYTES:
        return None
    try:
        return kind.model_validate_json(payload)
    except ValidationError:
        return None
