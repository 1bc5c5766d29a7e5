"""An inspection as JSON: what the spool keeps, the sinks send and `kotoba-edge inspect` writes, one line each.

Key order is the order of the fields below; numbers are finite; wall time is UTC with milliseconds and a Z.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError, model_validator
from pydantic_core import PydanticSerializationError

from edge.errors import MessageError
from edge.records import Decision, Degree, Description, Familiarity, Inspection, Measured, Reason, Scores, Struck, Tag, Verdict, Words
from firmware_config.strict import STRICT

__all__ = ["MAX_MESSAGE_BYTES", "SCHEMA", "decode", "encode", "schema", "shortened"]

SCHEMA = "kotoba.inspection/1"
MAX_MESSAGE_BYTES = 1_000_000
"""An inspection is some kilobytes; anything larger was not made by this code."""
MAX_SHORT_TEXT = 160
"""Characters of detail and source in a shortened message."""


def utc_text(moment: datetime, *, timespec: Literal["milliseconds", "seconds"] = "milliseconds") -> str:
    """Write a time as ISO 8601 in UTC with a Z, as it stands in every message and on every page."""
    return moment.astimezone(timezone.utc).isoformat(timespec=timespec).replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(utc_text, return_type=str)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
ScoredWord = tuple[str, float]
StruckWord = tuple[Literal["tag", "attribute", "caption"], str]


class Known(BaseModel):
    """How far the picture is from the station's memory of known pictures."""

    model_config = STRICT
    distance: float = Field(ge=0, description="About 1 for known pictures.")
    degree: Degree
    memory: str = Field(description="Digest of the memory.")


class Described(BaseModel):
    """The words that the judge read, tags and attributes best first, each with its cosine, and what the policy knows of the picture."""

    model_config = STRICT
    tags: tuple[ScoredWord, ...]
    attributes: tuple[ScoredWord, ...]
    captions: tuple[str, ...]
    measured: tuple[ScoredWord, ...] = Field(
        default=(),
        description="How the picture differs from the good ones of its station, each with how many of their spreads it is from the median.",
    )
    struck: tuple[StruckWord, ...] = Field(description="What the quality filter took out, and where it stood.")
    printed_text: bool = Field(description="Text was found in the picture.")
    familiarity: Known | None = Field(default=None, description="Null where the station has no memory of known pictures.")


class Judged(BaseModel):
    """How the probabilities came about: log-likelihoods in nats per label by the method, before the softmax and any calibration."""

    model_config = STRICT
    method: str
    calibrated: bool
    prompt_tokens: int = Field(ge=0)
    log_likelihoods: dict[str, float]
    prediction_set: tuple[str, ...] = Field(
        default=(), description="Labels of the conformal prediction set; empty without a calibration file."
    )
    prompt: str | None = Field(
        default=None, description="Digest of the filled instruction: template, labels and examples; null: none is read."
    )
    adapter: str | None = Field(default=None, description="Digest of the LoRA or of the linear judge.")
    calibration: str | None = Field(default=None, description="Digest of what made the probabilities of the log-likelihoods.")


class Evidence(BaseModel):
    """The picture behind the verdict; pictures never ride in messages."""

    model_config = STRICT
    sha256: str | None = Field(description="Of the pixels as the camera gave them, uint8 BGR row by row. Null: there is no picture.")
    path: str | None = Field(
        default=None,
        pattern=r"^(ok|ng|review|fault)/[0-9a-f]{64}\.png$",
        description="The picture below the box's evidence folder: a PNG of exactly these pixels, named by their sha256. Null: none is "
        "kept. It is written after the verdict, and makes room for newer ones.",
    )


class Message(BaseModel):
    """One inspection on the wire."""

    model_config = ConfigDict(**STRICT, title=SCHEMA)
    schema_: Literal["kotoba.inspection/1"] = Field(default="kotoba.inspection/1", alias="schema")
    id: str = Field(min_length=1, description="The same for every copy of this inspection: what a consumer tells duplicates by.")
    epoch: str = Field(description="The identity of the spool: another one when a new spool begins; empty where no spool was used.")
    seq: int = Field(ge=0, description="Gap-free per station and epoch, from 1; 0 where no spool was used.")
    station: str = Field(min_length=1)
    source: str = Field(description="Where the picture came from: a file name or a device.")
    part_id: str | None
    request_id: str | None = Field(default=None, description="The trigger that this answers; null: none asked.")
    captured_at: Moment
    clock_synchronised: bool | None = Field(
        default=None,
        description="Whether the box's clock followed another one at captured_at; null: not known. Order by seq, not by captured_at.",
    )
    decision: Decision
    label: str | None
    confidence: Probability | None = Field(description="Of the decision: the sum over its labels. Null where none is known.")
    reasons: tuple[Reason, ...] = Field(
        description="Why it is not OK, worst first. With an OK only rule and new_condition may stand, which are remarks."
    )
    rule: str | None = Field(default=None, description="The name of the station's rule that decided; null: the judge did.")
    detail: str | None = Field(description="One sentence for people, mostly with a FAULT.")
    probabilities: dict[str, Probability] | None = Field(description="Per label, in the station's order.")
    words: Described | None
    judge: Judged | None
    timings_ms: dict[str, float]
    bundle: str = Field(description="Digest of the signed bundle.")
    models_digest: str = Field(description="Digest of the bundle's models: the same whoever signed them.")
    station_digest: str = Field(description="Digest of the station file.")
    settings_digest: str = Field(description="Digest of the station's settings that a verdict depends on: not of camera and outputs.")
    evidence: Evidence
    replayed: bool = Field(description="Sent again on request; an earlier copy may have arrived.")
    shortened: bool = Field(
        default=False,
        description="The broker takes no larger message: words, judge, probabilities and times are left out; the box has them.",
    )

    @model_validator(mode="after")
    def _labels_agree(self) -> Message:
        if list(self.probabilities or ()) != list(self.judge.log_likelihoods if self.judge else ()):
            msg = "probabilities and judge.log_likelihoods name different labels"
            raise ValueError(msg)
        return self


def encode(inspection: Inspection) -> bytes:
    """Say an inspection as one line of JSON, without the line end.

    Raises:
        MessageError: it holds a number that is not finite or a value out of its range.
    """
    try:
        return _to_message(inspection).model_dump_json(by_alias=True).encode()
    except (ValidationError, PydanticSerializationError) as err:
        msg = f"encoding inspection {inspection.id} of station {inspection.station}: {_mistake(err)}: report this as a bug"
        raise MessageError(msg) from err


def decode(line: bytes) -> Inspection:
    """Read what `encode` wrote; `encode(decode(line)) == line`.

    Raises:
        MessageError: it is too long, not JSON, or not an inspection of this schema.
    """
    if len(line) > MAX_MESSAGE_BYTES:
        msg = f"decoding an inspection: {len(line)} bytes, expected at most {MAX_MESSAGE_BYTES}: look at who wrote it"
        raise MessageError(msg)
    try:
        return _to_inspection(Message.model_validate_json(line))
    except ValidationError as err:
        msg = f"decoding an inspection from {line[:80]!r}: {_mistake(err)}, expected {SCHEMA}: look at who wrote it"
        raise MessageError(msg) from err


def shortened(inspection: Inspection) -> Inspection:
    """An inspection without what people read about it, for a broker that takes no larger message."""
    detail, source = inspection.detail and inspection.detail[:MAX_SHORT_TEXT], inspection.source[-MAX_SHORT_TEXT:]
    return replace(inspection, source=source, description=None, scores=None, detail=detail, timings_ms=(), shortened=True)


def to_wire(description: Description) -> Described:
    """A description as it stands in a message.

    Raises:
        ValidationError: a number in it is not finite.
    """
    words = description.words
    return Described(
        tags=tuple((tag.word, tag.score) for tag in words.tags),
        attributes=tuple((tag.word, tag.score) for tag in words.attributes),
        captions=words.captions,
        measured=tuple((one.word, one.value) for one in words.measured),
        struck=tuple((struck.where, struck.text) for struck in description.struck),
        printed_text=description.printed_text,
        familiarity=description.familiarity
        and Known(distance=description.familiarity.distance, degree=description.familiarity.degree, memory=description.familiarity.memory),
    )


def from_wire(described: Described) -> Description:
    """The description that stands in a message; telemetry does not travel with it."""
    return Description(
        Words(
            tags=tuple(Tag(word, score) for word, score in described.tags),
            attributes=tuple(Tag(word, score) for word, score in described.attributes),
            captions=described.captions,
            measured=tuple(Measured(word, value) for word, value in described.measured),
        ),
        struck=tuple(Struck(where, text) for where, text in described.struck),
        printed_text=described.printed_text,
        familiarity=None
        if described.familiarity is None
        else Familiarity(described.familiarity.distance, described.familiarity.degree, described.familiarity.memory),
    )


def schema() -> dict[str, Any]:
    """Give the JSON Schema of the message."""
    return Message.model_json_schema(by_alias=True, mode="serialization")


def _mistake(err: ValidationError | PydanticSerializationError) -> str:
    if isinstance(err, PydanticSerializationError):
        return str(err)
    first = err.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the line'}: {first['msg']}"


def _to_message(inspection: Inspection) -> Message:
    verdict, description, scores = inspection.verdict, inspection.description, inspection.scores
    return Message(
        id=inspection.id,
        epoch=inspection.epoch,
        seq=inspection.seq,
        station=inspection.station,
        # A file name on Linux is bytes; what is not UTF-8 in it arrives here as lone surrogates, which JSON cannot carry.
        source=inspection.source.encode(errors="backslashreplace").decode(),
        part_id=inspection.part_id,
        request_id=inspection.request_id,
        captured_at=inspection.captured_at,
        clock_synchronised=inspection.clock_synchronised,
        decision=verdict.decision,
        label=verdict.label,
        confidence=verdict.confidence,
        reasons=verdict.reasons,
        rule=verdict.rule,
        detail=None if inspection.detail is None else inspection.detail.encode(errors="backslashreplace").decode(),
        probabilities=scores and dict(zip(scores.labels, scores.probabilities, strict=True)),
        words=description and to_wire(description),
        judge=scores
        and Judged(
            method=scores.method,
            calibrated=scores.calibrated,
            prompt_tokens=scores.prompt_tokens,
            log_likelihoods=dict(zip(scores.labels, scores.log_likelihoods, strict=True)),
            prediction_set=scores.prediction_set,
            prompt=scores.prompt,
            adapter=scores.adapter,
            calibration=scores.calibration,
        ),
        timings_ms=dict(inspection.timings_ms),
        bundle=inspection.bundle,
        models_digest=inspection.models_digest,
        station_digest=inspection.station_digest,
        settings_digest=inspection.settings_digest,
        evidence=Evidence(sha256=inspection.evidence_sha256, path=inspection.evidence_path),
        replayed=inspection.replayed,
        shortened=inspection.shortened,
    )


def _to_inspection(message: Message) -> Inspection:
    words, judge = message.words, message.judge
    return Inspection(
        id=message.id,
        station=message.station,
        source=message.source,
        part_id=message.part_id,
        request_id=message.request_id,
        captured_at=message.captured_at.astimezone(timezone.utc),
        clock_synchronised=message.clock_synchronised,
        verdict=Verdict(
            decision=message.decision, label=message.label, confidence=message.confidence, reasons=message.reasons, rule=message.rule
        ),
        description=None if words is None else from_wire(words),
        scores=None
        if judge is None
        else Scores(
            labels=tuple(judge.log_likelihoods),
            log_likelihoods=tuple(judge.log_likelihoods.values()),
            probabilities=tuple((message.probabilities or {}).values()),
            method=judge.method,
            prompt_tokens=judge.prompt_tokens,
            calibrated=judge.calibrated,
            prediction_set=judge.prediction_set,
            prompt=judge.prompt,
            adapter=judge.adapter,
            calibration=judge.calibration,
        ),
        timings_ms=tuple(message.timings_ms.items()),
        bundle=message.bundle,
        models_digest=message.models_digest,
        station_digest=message.station_digest,
        settings_digest=message.settings_digest,
        evidence_sha256=message.evidence.sha256,
        evidence_path=message.evidence.path,
        detail=message.detail,
        epoch=message.epoch,
        seq=message.seq,
        replayed=message.replayed,
        shortened=message.shortened,
    )
