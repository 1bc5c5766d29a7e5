"""One inspection point, as its TOML file says. Read once, refused whole when wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from firmware_config.cameras import Camera
from firmware_config.digest import digest_of_values
from firmware_config.errors import StationError, first_mistake
from firmware_config.labels import Label
from firmware_config.outputs import Outputs
from firmware_config.strict import STRICT
from firmware_config.toml import read_toml

TopicSegment = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s:](.*\S)?$")]
"""A word or phrase of a vocabulary, on one line."""


class Identity(BaseModel):
    """Who the station is. `path` is the site path of its topics (ISA-95: enterprise/site/area/line/cell)."""

    model_config = STRICT
    name: TopicSegment
    path: str = Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", max_length=256)
    language: Literal["ja", "en"] = "en"


class Picture(BaseModel):
    """What a healthy picture is, and which part of it is looked at.

    `roi` is a polygon in normalised coordinates (0..1, x right, y down); its bounding box is cropped and what lies outside the
    polygon is blackened before any resize.
    """

    model_config = STRICT
    roi: tuple[tuple[Unit, Unit], ...] | None = Field(default=None, min_length=3, max_length=64)
    width: int | None = Field(default=None, ge=1, description="Pixels; another width is a FAULT.")
    height: int | None = Field(default=None, ge=1)
    min_side: int = Field(default=32, ge=1, description="Pixels; a smaller picture is a FAULT.")
    blank_spread: float = Field(
        default=2.0, ge=0, le=128, description="Grey levels between the 1st and 99th percentile below which a picture is blank."
    )
    frozen_after: int | None = Field(default=None, ge=2, description="This many identical frames in a row mean a frozen camera.")
    allow_printed_text: bool = Field(default=False, description="Parts bear print by right; else print in the picture is REVIEW.")


class Trigger(BaseModel):
    """When to inspect. A verdict later than `deadline_ms` after capture is REVIEW, reason "late"."""

    model_config = STRICT
    kind: Literal["continuous", "interval"] = "continuous"
    interval_ms: int = Field(default=1_000, ge=10)
    deadline_ms: int | None = Field(default=None, ge=1)


class Term(BaseModel):
    """A word of the station's controlled vocabulary, and the wordings that are read as it."""

    model_config = STRICT
    name: Word
    also: tuple[Word, ...] = Field(min_length=1, max_length=64)


class Describe(BaseModel):
    """How many words, and how captions are made. The seed makes sampled captions the same every time."""

    model_config = STRICT
    tags: int = Field(default=6, ge=1, le=32)
    attributes: int = Field(default=6, ge=1, le=32)
    beams: int = Field(default=1, ge=1, le=8, description="1 is greedy.")
    samples: int = Field(default=4, ge=0, le=16, description="Sampled captions beside the greedy or beam caption.")
    top_k: int = Field(default=50, ge=1)
    temperature: float = Field(default=1.0, gt=0, le=4)
    max_tokens: int = Field(default=24, ge=1, le=64)
    seed: int = Field(default=0, ge=0)
    extra_tags: tuple[Word, ...] = Field(default=(), max_length=64, description="Words beside those of the bundle's vocabulary.")
    extra_attributes: tuple[Word, ...] = Field(default=(), max_length=64)
    filter: bool = Field(default=False, description="Strike words and caption phrases that the picture does not show.")
    terms: tuple[Term, ...] = Field(default=(), max_length=256, description="The station's controlled vocabulary.")

    @model_validator(mode="after")
    def _words_are_distinct(self) -> Describe:
        for words in (self.extra_tags, self.extra_attributes):
            twice = next((word for word in words if words.count(word) > 1), None)
            if twice is not None:
                msg = f"extra words must be distinct, {twice!r} is there twice"
                raise ValueError(msg)
        wordings = [wording.casefold() for term in self.terms for wording in {term.name, *term.also}]
        twice = next((wording for wording in wordings if wordings.count(wording) > 1), None)
        if twice is not None:
            msg = f"a wording can be read as one term only, {twice!r} stands with two"
            raise ValueError(msg)
        return self


class Judge(BaseModel):
    """How the words are judged."""

    model_config = STRICT
    template: str = Field(default="default", pattern=r"^[A-Za-z0-9_-]+$", description="A file of the bundle's templates/.")
    template_file: Path | None = Field(default=None, description="A template of this station's own, in the place of the bundle's.")
    adapter: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]+$", description="A LoRA of the bundle's llm/adapters/.")
    method: Literal["rank", "contextual", "generate"] = Field(
        default="rank",
        description="rank: the log-likelihood of each label; contextual: the same, less that after a description without content; "
        "generate: what decoding under a grammar that allows only the labels would give.",
    )
    min_confidence: Unit = 0.5
    min_margin: Unit = 0.0
    calibration: Path | None = Field(default=None, description="A file of `kotoba-edge calibrate`; it replaces the bundle's temperature.")
    lessons: Path | None = Field(default=None, description="A file of `kotoba-edge learn`: corrected verdicts as examples in words.")
    cached_scores: int = Field(default=4_096, ge=0, le=1_000_000, description="Size of the score cache in descriptions; 0 switches it off.")


class Station(BaseModel):
    """One inspection point."""

    model_config = STRICT
    station: Identity
    camera: Camera
    picture: Picture = Picture()
    trigger: Trigger = Trigger()
    labels: tuple[Label, ...] = Field(min_length=2, max_length=64)
    describe: Describe = Describe()
    judge: Judge = Judge()
    outputs: Outputs = Outputs()

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Station:
        names = [label.name for label in self.labels]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"labels must be distinct, {twice[0]!r} is there twice"
            raise ValueError(msg)
        return self

    def judging(self, said: dict[str, Any]) -> Station:
        """The same station with other values in its [judge] section.

        Raises:
            StationError: they do not go together.
        """
        try:
            judge = Judge.model_validate(self.judge.model_dump() | said)
        except ValidationError as err:
            msg = f"judging as station {self.station.name} otherwise: {first_mistake(err)}"
            raise StationError(msg) from err
        return self.model_copy(update={"judge": judge})

    @property
    def digest(self) -> str:
        """`sha256:` of the station's meaning: its values in canonical JSON."""
        return digest_of_values(self.model_dump(mode="json"))

    @property
    def describing_digest(self) -> str:
        """`sha256:` of how pictures become words: [describe] and the region of interest."""
        return digest_of_values(self.model_dump(mode="json", include={"describe": True, "picture": {"roi"}}))

    @property
    def settings_digest(self) -> str:
        """`sha256:` of all settings that a verdict depends on: labels, describing, judging and what the picture is checked for.

        Camera, trigger and outputs have no part in it, nor have paths: what the files hold that [judge] names is in the digests of the
        instruction and of the calibration, which every verdict carries.
        """
        judge = {"template", "adapter", "method", "min_confidence", "min_margin"}
        picture = {"roi", "allow_printed_text"}
        return digest_of_values(
            self.model_dump(mode="json", include={"labels": True, "describe": True, "picture": picture, "judge": judge})
        )


def read_station(path: Path) -> Station:
    """Read a station file.

    Raises:
        StationError: the file is missing, too large, not TOML, or says something that is not understood.
    """
    try:
        return Station.model_validate(read_toml(path))
    except ValidationError as err:
        msg = f"station file {path}: {first_mistake(err)}: see `kotoba-config schema station`"
        raise StationError(msg) from err
    except ValueError as err:
        msg = f"station file {path} {err}: give the TOML of one station, as `kotoba-config new` writes it"
        raise StationError(msg) from err
    except OSError as err:
        msg = f"station file {path} cannot be read ({err.strerror}): give the path of an existing file or make one with `kotoba-config new`"
        raise StationError(msg) from err


def require_named_files(station: Station) -> None:
    """Refuse a station whose files are not on this machine: what it reads, not what it will write; a camera may still be unplugged.

    Raises:
        StationError: the first file or folder that is missing.
    """
    judge = station.judge
    paths = [("template_file", judge.template_file), ("calibration", judge.calibration), ("lessons", judge.lessons)]
    named = [(f"camera.{key}", path) for key, path in station.camera.named_files()]
    named += [(f"outputs.{key}", path) for key, path in station.outputs.named_files()]
    named += [(f"judge.{key}", path) for key, path in paths if path is not None]
    for key, path in named:
        if not path.exists():
            msg = f"station {station.station.name}: {key}: {path} does not exist: correct the path or put the file there"
            raise StationError(msg)
