"""The specification of a pilot, a TOML file. Paths in it are relative to the file itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from export.errors import SpecError
from export.findings.box import Rule
from export.findings.comparison import Condition, ConditionKind, Protocol
from export.findings.findings import Limits
from export.model_sources import Here
from firmware_config.errors import first_mistake
from firmware_config.strict import STRICT, read_values
from firmware_config.toml import read_toml

Language = Literal["en", "ja"]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Level = Annotated[float, Field(gt=0, le=1_000)]
Shots = Annotated[int, Field(ge=0, le=1_000)]

USUAL: tuple[Protocol, ...] = ("leave_one_domain_out", "adaptation", "few_shot", "conditions")
CONDITIONS: dict[ConditionKind, tuple[float, ...]] = {
    "exposure": (0.7, 1.4),
    "defocus": (1.5,),
    "noise": (10.0,),
    "motion": (5.0,),
    "jpeg": (30.0,),
}


class Pilot(BaseModel):
    """What the pilot is called, and what its reports say of the product."""

    model_config = STRICT
    name: Text = Field(description="What the reports call the pilot.")
    product: dict[Language, Text] = Field(
        min_length=1, description='What is inspected, by language, such as { en = "solar cells", ja = "太陽電池セル" }.'
    )
    about: dict[Language, Annotated[str, Field(min_length=1, max_length=2_000)]] = Field(
        default={}, description="Where the pictures come from and who may use them, by language. Unset: nothing is said."
    )
    languages: tuple[Language, ...] = Field(default=("en", "ja"), min_length=1, max_length=2, description="The languages of the reports.")

    @model_validator(mode="after")
    def _in_every_language(self) -> Pilot:
        for name, texts in (("product", self.product), ("about", self.about)):
            missing = [language for language in self.languages if language not in texts]
            if missing and texts:
                msg = f"{name} has no text in {missing[0]!r}: add one, or take {missing[0]!r} out of languages"
                raise ValueError(msg)
        return self


class Data(BaseModel):
    """The labelled pictures, or words that `kotoba-export describe` has made of them.

    A domain is a line, a camera, a lot, a material: what a box meets that nobody taught it. No study splits a block of neighbours.
    """

    model_config = STRICT
    pictures: Here | None = Field(
        default=None,
        examples=["pictures"],
        description="A folder DOMAIN/CLASS/picture, a .csv with path,label,domain,split,block, or the .toml of several of them. Give this "
        "or texts.",
    )
    texts: Here | None = Field(
        default=None,
        examples=["texts"],
        description="The folder of a text data set. Without pictures the chapters that need them are left out, and the report says so.",
    )
    good_labels: tuple[Text, ...] = Field(default=(), description="Labels of good parts. Unset: those that the station decides as OK.")
    bad_labels: tuple[Text, ...] = Field(
        default=(),
        description="Labels of defective parts. Unset: all others. If they are named, a label that is in neither list is refused.",
    )
    seen: tuple[Text, ...] = Field(
        default=(), description="Domains of which pictures taught the bundle. Only the other ones count for the answer. Unset: none."
    )
    groups: dict[Text, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        default={},
        description="Domains that are left out together, by the name of their group, such as "
        '{ mono = ["mono-1", "mono-2"], poly = ["poly-1"] }. Unset: each domain is left out on its own.',
    )

    @model_validator(mode="after")
    def _consistent(self) -> Data:
        if (self.pictures is None) is (self.texts is None):
            msg = "name either pictures or texts"
            raise ValueError(msg)
        both = sorted(set(self.good_labels) & set(self.bad_labels))
        if both:
            msg = f"the label {both[0]!r} is both good and bad: leave it in one list"
            raise ValueError(msg)
        members = [domain for domains in self.groups.values() for domain in domains]
        twice = sorted({domain for domain in members if members.count(domain) > 1})
        if twice:
            msg = f"the domain {twice[0]!r} is in two groups: leave it in one"
            raise ValueError(msg)
        return self


class BundleUse(BaseModel):
    """The bundle that is tried, with the station that a box would have."""

    model_config = STRICT
    bundle: Here = Field(description="The bundle: its folder.")
    keys: Here = Field(description="The folder of trusted public keys (.pub).")
    station: Here | None = Field(
        default=None, examples=["station.toml"], description="The station file. Unset: the station template of the bundle."
    )
    board: str = Field(default="cpu", min_length=1, description="The board profile to run on.")


class Decisions(BaseModel):
    """The decisions of the box that the answer is about: those that the plant would install."""

    model_config = STRICT
    rule: Rule = Field(
        default="as_it_comes",
        description='"as_it_comes": as the station file says. "calibrated": with a calibration fitted on validation pictures of the seen '
        "domains.",
    )
    calibrate_escape: float = Field(
        default=0.02, gt=0, lt=1, description="The escape that the calibration is asked to keep, 0..1. Only with calibrated."
    )


class Protocols(BaseModel):
    """How scorers are compared: what is left out, with which seeds, and how much is tuned."""

    model_config = STRICT
    run: tuple[Protocol, ...] = Field(default=USUAL, description=f"Which of {', '.join(get_args(Protocol))}.")
    seeds: int = Field(default=5, ge=1, le=20, description="Seeds of splits and of what is fitted.")
    tuned_seeds: int = Field(
        default=1, ge=0, le=20, description="Seeds with which the language model is tuned, some minutes for each target. 0: it is not."
    )
    tune_examples: int = Field(default=400, ge=20, le=100_000, description="The most pictures of a tuning, drawn by class.")
    rounds: int = Field(default=1, ge=1, le=5, description="Rounds of pseudo-labels in an adaptation.")
    confidence: float = Field(
        default=0.0, ge=0, lt=1, description="Pictures whose probability is this or more get a pseudo-label; 0: all, as published."
    )
    shots: tuple[Shots, ...] = Field(default=(0, 1, 2, 4, 8, 16, 32), min_length=1, description="Labels per class of the target domain.")
    tuned_shots: tuple[Shots, ...] = Field(default=(), description="Those of shots at which the language model is tuned again.")
    conditions: dict[ConditionKind, tuple[Level, ...]] = Field(
        default=CONDITIONS,
        description="Changes of capture that pictures of the targets go through, by kind with its levels: gain of an exposure, sigma of a "
        "defocus in px, grey levels of noise, px of a motion, quality of a jpeg.",
    )
    condition_pictures: int = Field(
        default=200, ge=20, le=100_000, description="The most pictures that are changed and described again for each condition."
    )

    @model_validator(mode="after")
    def _without_repeats(self) -> Protocols:
        for name in ("run", "shots", "tuned_shots"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                msg = f"{name} names a value twice: leave it once"
                raise ValueError(msg)
        unused = sorted(set(self.tuned_shots) - set(self.shots))
        if unused:
            msg = f"tuned_shots names {unused[0]}, which is none of shots: add it there"
            raise ValueError(msg)
        return self

    @property
    def changes(self) -> tuple[Condition, ...]:
        """The conditions one by one."""
        return tuple(Condition(kind=kind, level=level) for kind, levels in self.conditions.items() for level in levels)


class Chapters(BaseModel):
    """What is looked at beside the comparison; everything but shift needs pictures."""

    model_config = STRICT
    shift: bool = Field(default=True, description="How far words, features and pixels shift between domains.")
    trust: bool = Field(default=True, description="What the confidence of the box is worth on domains that it has not seen.")
    attack: bool = Field(default=True, description="Printed text that asks for an OK.")
    attack_pictures: int = Field(default=100, ge=5, le=10_000, description="The most defective pictures that text is printed on.")
    latency: bool = Field(default=True, description="Milliseconds by stage, memory and joules on this machine.")


class Cost(BaseModel):
    """What the box costs the plant."""

    model_config = STRICT
    spec: Here = Field(description="The specification of a cost study (docs/cost.md). The rates of its box are counted in this pilot.")


class PilotSpec(BaseModel):
    """One pilot: what is tried, on which pictures, and what the plant asks for."""

    model_config = STRICT
    pilot: Pilot
    data: Data
    bundle: BundleUse
    limits: Limits = Field(default=Limits(), description="What the plant asks for.")
    decisions: Decisions = Field(default=Decisions(), description="The decisions that the answer is about.")
    protocols: Protocols = Field(default=Protocols(), description="How scorers are compared.")
    chapters: Chapters = Field(default=Chapters(), description="What is looked at beside the comparison.")
    cost: Cost | None = Field(default=None, description="What the box costs the plant. Unset: nothing is said of costs.")

    @model_validator(mode="after")
    def _can_be_calibrated(self) -> PilotSpec:
        if self.decisions.rule == "calibrated" and not self.data.seen:
            msg = 'decisions.rule is "calibrated", and data.seen names no domain whose pictures a calibration could be fitted on: add one'
            raise ValueError(msg)
        return self


def read_pilot_spec(path: Path) -> PilotSpec:
    """Read a specification; its paths become absolute.

    Raises:
        SpecError: the file cannot be read, or a value is wrong.
    """
    try:
        return read_values(PilotSpec, read_toml(path), context=path.parent.absolute())
    except ValidationError as err:
        msg = f"pilot specification {path}: {first_mistake(err, PilotSpec)}: see `kotoba-export schema pilot`"
        raise SpecError(msg) from err
    except ValueError as err:
        msg = f"pilot specification {path} {err}: give the TOML of one pilot"
        raise SpecError(msg) from err
    except OSError as err:
        msg = f"pilot specification {path} cannot be read ({err.strerror}): give the path of an existing file"
        raise SpecError(msg) from err
