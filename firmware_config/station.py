"""The station file: the settings of one inspection point. A file with one mistake is refused as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from firmware_config.cameras import Camera
from firmware_config.digest import digest_of_values
from firmware_config.drift import Drift
from firmware_config.errors import StationError, first_mistake
from firmware_config.evidence import Evidence
from firmware_config.labels import Label
from firmware_config.measuring import Measuring
from firmware_config.outputs import Outputs
from firmware_config.redact import without_login
from firmware_config.strict import STRICT, read_values
from firmware_config.toml import MAX_TOML_BYTES, parse_toml
from firmware_config.triggers import Trigger
from firmware_config.verified_file import StoredFile, content_of
from firmware_config.word_rules import WordRule

TopicSegment = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s:](.*\S)?$")]
"""A word or phrase of a vocabulary, on one line."""


class Identity(BaseModel):
    """Name and place of the station."""

    model_config = STRICT
    name: TopicSegment = Field(description="Letters, digits, - and _: a part of the MQTT topics.")
    path: str = Field(
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
        max_length=256,
        description="Site path of the MQTT topics (ISA-95: enterprise/site/area/line/cell).",
        examples=["enterprise/site/area/line"],
    )
    language: Literal["ja", "en"] = Field(default="en", description='Language of the operator: "en" or "ja".')


class Picture(BaseModel):
    """The region of interest, how picture files are read, and the limits of a healthy picture: a picture outside of them is a FAULT."""

    model_config = STRICT
    roi: tuple[tuple[Unit, Unit], ...] | None = Field(
        default=None,
        min_length=3,
        max_length=64,
        description="Region of interest: corners as shares of width and height (0 to 1, x to the right, y down). The picture is cropped to "
        "their bounding box before any resize, and pixels outside the polygon become black. Unset: the whole picture.",
        examples=[[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]],
    )
    width: int | None = Field(default=None, ge=1, description="Pixels; another width is a FAULT. Unset: any.", examples=[1920])
    height: int | None = Field(default=None, ge=1, description="Pixels; another height is a FAULT. Unset: any.", examples=[1080])
    min_side: int = Field(default=32, ge=1, description="Pixels; a picture with a shorter side is a FAULT.")
    blank_spread: float = Field(
        default=2.0, ge=0, le=128, description="A picture is blank, a FAULT, if its 1st and 99th percentile of grey levels are closer."
    )
    min_light: float = Field(
        default=16.0, ge=0, le=255, description="A picture is dark, a FAULT, if the 99th percentile of its grey levels (0 to 255) is lower."
    )
    max_clipped: Unit = Field(
        default=0.9, description="A picture is over-exposed, a FAULT, if a larger share of its pixels (0 to 1) has a channel at 255."
    )
    min_sharpness: float | None = Field(
        default=None,
        ge=0,
        description="A picture is blurred, a FAULT, if its detail of 2 pixels divided by that of 8 is lower. Unset: never. "
        "`kotoba-edge measure` finds the value from known pictures.",
        examples=[0.15],
    )
    frozen_after: int | None = Field(
        default=None,
        ge=2,
        description="After this many identical frames in a row the camera is frozen, a FAULT. Unset: never.",
        examples=[10],
    )
    allow_printed_text: bool = Field(default=False, description="True: the parts carry printed text, which is no reason for REVIEW.")
    bit_depth: int | None = Field(
        default=None,
        ge=9,
        le=16,
        description="Of picture files with 16 bits: how many of them the camera fills; 16 where it shifts its values to the top. "
        "black_level becomes 0, and the largest value of this depth 255. Unset: such a file is a FAULT. 8 bits are read as they are.",
        examples=[12],
    )
    black_level: int = Field(
        default=0, ge=0, le=65_534, description="Of picture files with 16 bits: the value that is black. It needs `bit_depth`."
    )
    alpha: Literal["refuse", "ignore", "black", "white"] = Field(
        default="refuse",
        description="A picture file whose alpha channel is not opaque: a FAULT (refuse), its colours as they are stored (ignore), or laid "
        "over black or white.",
    )
    pages: Literal["refuse", "first"] = Field(
        default="refuse", description="A picture file with more than one picture, frame or page: a FAULT (refuse), or the first is judged."
    )
    allow_black_rows: bool = Field(
        default=False,
        description="True: a BMP, PGM, PPM or uncompressed TIFF may hold a run of zeros over more than 2 % of its pixels. False: this is "
        "content that was never written, a FAULT.",
    )

    @model_validator(mode="after")
    def _black_is_below_white(self) -> Picture:
        if self.black_level and (self.bit_depth is None or self.black_level >= (1 << self.bit_depth) - 1):
            msg = f"black_level {self.black_level} needs a bit_depth whose largest value is above it, bit_depth is {self.bit_depth}"
            raise ValueError(msg)
        return self


class Term(BaseModel):
    """A term of the station's controlled vocabulary, and the wordings in captions that are replaced by it."""

    model_config = STRICT
    name: Word = Field(description="The term.", examples=["crack"])
    also: tuple[Word, ...] = Field(
        min_length=1, max_length=64, description="The wordings that it replaces.", examples=[["fracture line", "fissure"]]
    )


class Describe(BaseModel):
    """How many words a picture gets, and how captions are generated. The same picture and seed give the same captions."""

    model_config = STRICT
    tags: int = Field(default=6, ge=1, le=32, description="How many tags, best first.")
    attributes: int = Field(default=6, ge=1, le=32, description="How many attributes, best first.")
    beams: int = Field(default=1, ge=1, le=8, description="Beams of the first caption; 1 is greedy decoding.")
    samples: int = Field(default=4, ge=0, le=16, description="Sampled captions after the first one.")
    top_k: int = Field(default=50, ge=1, description="Samples are drawn from this many likeliest tokens.")
    temperature: float = Field(default=1.0, gt=0, le=4, description="Temperature of the samples: higher is more varied.")
    max_tokens: int = Field(default=24, ge=1, le=64, description="The longest caption.")
    seed: int = Field(default=0, ge=0, description="Seed of the samples: the same picture and seed give the same captions.")
    extra_tags: tuple[Word, ...] = Field(default=(), max_length=64, description="Tags beside those of the bundle's vocabulary, a handful.")
    extra_attributes: tuple[Word, ...] = Field(default=(), max_length=64, description="Attributes beside those of the bundle's vocabulary.")
    filter: bool = Field(default=False, description="Strike words and caption phrases that the picture does not show.")
    terms: tuple[Term, ...] = Field(default=(), max_length=256, description="The station's controlled vocabulary.")
    only_true: bool = Field(
        default=False,
        description="Say only words whose cosine reaches the bundle's clip.threshold, or the best one. False: the best ones, true or not.",
    )
    measured: Measuring = Field(
        default=False,
        description="Say how a picture differs from good ones, as the station's memory of known pictures measures it: true, or the "
        "names of measures, such as darker.",
    )

    @model_validator(mode="after")
    def _words_are_distinct(self) -> Describe:
        for words in (self.extra_tags, self.extra_attributes):
            twice = next((word for word in words if words.count(word) > 1), None)
            if twice is not None:
                msg = f"extra words must be distinct, but {twice!r} is listed twice"
                raise ValueError(msg)
        wordings = [wording.casefold() for term in self.terms for wording in {term.name, *term.also}]
        twice = next((wording for wording in wordings if wordings.count(wording) > 1), None)
        if twice is not None:
            msg = f"a wording may belong to one term only, but {twice!r} belongs to two"
            raise ValueError(msg)
        return self


class Judge(BaseModel):
    """How the judge scores the words, and which scores are enough for a verdict."""

    model_config = STRICT
    template: str = Field(
        default="default", pattern=r"^[A-Za-z0-9_-]+$", description="Name of an instruction template in the bundle's templates/."
    )
    template_file: Path | None = Field(
        default=None, description="This station's own template file; it replaces `template`.", examples=["/etc/kotoba/templates/cell.txt"]
    )
    adapter: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Name of a LoRA adapter in the bundle's llm/adapters/. Unset: the language model judges as it is, untuned.",
        examples=["product"],
    )
    method: Literal["rank", "contextual", "generate", "linear"] = Field(
        default="rank",
        description="rank: the log-likelihood of each label; contextual: the same, less that after a description without content; "
        "generate: what decoding under a grammar that allows only the labels would give; linear: the sum of fixed weights of the words, "
        "without a language model.",
    )
    linear: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]+$",
        description='Name of a linear judge in the bundle\'s judges/, for method = "linear".',
        examples=["product"],
    )
    min_confidence: Unit = Field(default=0.5, description="A verdict with less confidence is REVIEW.")
    min_margin: Unit = Field(default=0.0, description="A verdict whose confidence is ahead of the next decision by less is REVIEW.")
    calibration: Path | None = Field(
        default=None,
        description="Calibration file, written by `kotoba-edge calibrate`; it replaces the bundle's temperature.",
        examples=["/var/lib/kotoba/calibration/cell.json"],
    )
    lessons: Path | None = Field(
        default=None,
        description="Lessons file, written by `kotoba-edge learn`: corrected verdicts, given to the judge as examples.",
        examples=["/var/lib/kotoba/lessons/cell.jsonl"],
    )
    cached_scores: int = Field(default=4_096, ge=0, le=1_000_000, description="Size of the score cache in descriptions; 0 switches it off.")

    @model_validator(mode="after")
    def _linear_is_named(self) -> Judge:
        if self.method == "linear" and self.linear is None:
            msg = 'method = "linear" needs `linear`, the name of a linear judge of the bundle'
            raise ValueError(msg)
        return self


class Familiarity(BaseModel):
    """What the station knows: a picture that is like none of its known pictures is never OK. Without a memory nothing is checked."""

    model_config = STRICT
    memory: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Name of a memory of known pictures in the bundle's memories/.",
        examples=["product"],
    )
    memory_file: Path | None = Field(
        default=None,
        description="This station's own memory, written by `kotoba-edge measure`; it replaces `memory`.",
        examples=["/var/lib/kotoba/memory/cell.json"],
    )


class Station(BaseModel):
    """The settings of one inspection point."""

    model_config = STRICT
    station: Identity
    camera: Camera = Field(description="Where the pictures come from; `kind` says which of the other keys there are.")
    picture: Picture = Picture()
    trigger: Trigger = Trigger()
    labels: tuple[Label, ...] = Field(min_length=2, max_length=64, description="The answers of the judge, at least two.")
    describe: Describe = Describe()
    judge: Judge = Judge()
    rules: tuple[WordRule, ...] = Field(
        default=(), max_length=64, description="Rules in words, which decide before the judge; the first that applies counts."
    )
    familiarity: Familiarity = Familiarity()
    evidence: Evidence = Evidence()
    drift: Drift = Drift()
    outputs: Outputs = Outputs()

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Station:
        names = [label.name for label in self.labels]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"labels must be distinct, but {twice[0]!r} is listed twice"
            raise ValueError(msg)
        rules = [rule.name for rule in self.rules]
        same = next((name for name in rules if rules.count(name) > 1), None)
        if same is not None:
            msg = f"the names of rules must be distinct, but {same!r} is listed twice"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _requests_can_be_answered(self) -> Station:
        if self.trigger.kind != "mqtt":
            return self
        if not self.camera.live:
            msg = (
                f'trigger.kind = "mqtt" needs a camera that runs freely (v4l2, rtsp), but camera.kind is "{self.camera.kind}": '
                "its pictures come when they come, so each is judged"
            )
            raise ValueError(msg)
        if self.outputs.mqtt is None:
            msg = 'trigger.kind = "mqtt" needs [outputs.mqtt]: requests come from its broker, and answers go there'
            raise ValueError(msg)
        return self

    def with_judge(self, changes: dict[str, Any]) -> Station:
        """Copy the station with other values in its [judge] section.

        Raises:
            StationError: the section is not valid with these values.
        """
        try:
            judge = Judge.model_validate(self.judge.model_dump(exclude_unset=True) | changes)
        except ValidationError as err:
            msg = f"changing [judge] of station {self.station.name} to {changes}: {first_mistake(err, Judge)}"
            raise StationError(msg) from err
        return self.model_copy(update={"judge": judge})

    @property
    def digest(self) -> str:
        """`sha256:` of all settings in canonical JSON; comments and the order of keys do not change it.

        A login in the address of a camera is left out: every verdict carries the digest, and a short password could be guessed from it.
        """
        values = self.model_dump(mode="json")
        if "url" in values["camera"]:
            values["camera"]["url"] = without_login(values["camera"]["url"])
        return digest_of_values(values)

    @property
    def describing_digest(self) -> str:
        """`sha256:` of the settings that words depend on: [describe], the region of interest, and how picture files are read."""
        include: Any = {"describe": self._describing(), "picture": {"roi", *self._reading()}}
        return digest_of_values(self.model_dump(mode="json", include=include))

    @property
    def settings_digest(self) -> str:
        """`sha256:` of the settings that a verdict depends on: labels, describing, judging, rules, of [picture] pixels and printed text.

        Of [picture] these are the region of interest, `allow_printed_text`, and how files are read. It leaves out camera, trigger,
        evidence, outputs and paths. The contents of the files that [judge] names are in the digests of the instruction and of the
        calibration, which every verdict carries.
        """
        # What is new and not used leaves the digest as it was.
        rules = {"rules": True} if self.rules else {}
        judge = {"template", "adapter", "method", "min_confidence", "min_margin", *({"linear"} if self.judge.linear else ())}
        picture = {"roi", "allow_printed_text", *self._reading()}
        include: Any = {"labels": True, "describe": self._describing(), "picture": picture, "judge": judge, **rules}
        return digest_of_values(self.model_dump(mode="json", include=include))

    def _describing(self) -> set[str]:
        """The keys of [describe]; newer ones only where they are true, so that other digests stay as they were before they existed."""
        return set(Describe.model_fields) - {key for key in ("only_true", "measured") if not getattr(self.describe, key)}

    def _reading(self) -> set[str]:
        """The keys that change the pixels of a file and are set: one with its default leaves digests as they were before it existed."""
        defaults = Picture()
        return {key for key in ("bit_depth", "black_level", "alpha", "pages") if getattr(self.picture, key) != getattr(defaults, key)}


def read_station(path: StoredFile) -> Station:
    """Read a station file.

    Raises:
        StationError: the file is missing, too large, not TOML, or has an unknown key or a wrong value.
    """
    try:
        return parse_station(content_of(path, limit=MAX_TOML_BYTES), source=str(path))
    except OSError as err:
        msg = f"station file {path} cannot be read ({err.strerror}): give the path of an existing file or make one with `kotoba-config new`"
        raise StationError(msg) from err


def parse_station(raw: bytes, *, source: str) -> Station:
    """Parse the content of a station file; `source` names the file in messages.

    Raises:
        StationError: it is too large, not TOML, or has an unknown key or a wrong value.
    """
    try:
        return read_values(Station, parse_toml(raw))
    except ValidationError as err:
        msg = f"station file {source}: {first_mistake(err, Station)}: see `kotoba-config schema station`"
        raise StationError(msg) from err
    except ValueError as err:
        msg = f"station file {source} {err}: give the TOML of one station, as `kotoba-config new` writes it"
        raise StationError(msg) from err
