"""What the box itself decided about the pictures of a pilot: counts, parts that escaped, latency, trust and printed text."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from export.findings.figures import Share
from export.findings.remark import Remark
from firmware_config.strict import STRICT

DecisionName = Literal["OK", "NG", "REVIEW", "FAULT"]
Rule = Literal["as_it_comes", "calibrated"]
"""As the station file of the pilot says, or with a calibration fitted on the source validation pictures."""


class Decided(BaseModel):
    """Decisions on one domain: how many good and defective pictures got each. `seen`: pictures of this domain taught the bundle."""

    model_config = STRICT
    domain: str
    seen: bool
    rule: Rule
    escape_limit: float | None = None
    """The escape that a calibration was asked to keep, 0..1."""
    good: dict[DecisionName, int]
    bad: dict[DecisionName, int]
    escape: Share
    overkill: Share
    review: Share
    """Pictures that a person has to look at: REVIEW and FAULT."""
    passed: Share
    """Good pictures that are OK."""
    reasons: dict[str, int]
    """By reason code, how many pictures that are not OK have it."""


class Part(BaseModel):
    """A picture that was decided wrongly, with its words. `picture` is a file below the folder of the pilot; None: it cannot be read."""

    model_config = STRICT
    source: str
    domain: str
    label: str
    decision: DecisionName
    confidence: float | None
    picture: str | None
    tags: tuple[str, ...]
    attributes: tuple[str, ...]
    captions: tuple[str, ...]
    measures: tuple[str, ...]
    reasons: tuple[str, ...]


class Stage(BaseModel):
    """Milliseconds of one stage of an inspection."""

    model_config = STRICT
    name: str
    p50: float = Field(ge=0)
    p95: float = Field(ge=0)
    p99: float = Field(ge=0)


class Latency(BaseModel):
    """Measured on the machine of the pilot, which is not the box of the plant. `joules` per picture, None where none can be read."""

    model_config = STRICT
    machine: str
    pictures: int
    stages: tuple[Stage, ...]
    pictures_per_second: float
    memory_mib: float
    joules: float | None


class ReliabilityBin(BaseModel):
    """Pictures with a probability of a defect from `low` to `high`: the mean of it and the share that is defective."""

    model_config = STRICT
    low: float
    high: float
    pictures: int
    probability: float
    defective: float


class Kept(BaseModel):
    """An escape limit that a calibration promised: what it kept on the source (cross-fitted) and on the target."""

    model_config = STRICT
    domain: str
    limit: float
    escape: Share
    overkill: Share
    passed: Share
    kept: bool | None
    """Whether the interval of the escape reaches down to the limit; None with no defective picture."""


class Trust(BaseModel):
    """What the confidence of the box is worth, by domain: errors of calibration, reliability, promised escape limits."""

    model_config = STRICT
    source: str
    ece: dict[str, float]
    ece_as_it_comes: dict[str, float] = {}
    """The same error of the probabilities that the box gives as its station comes, before any calibration of the pilot."""
    ece_by_chance: dict[str, float]
    brier: dict[str, float]
    reliability: dict[str, tuple[ReliabilityBin, ...]]
    promises: tuple[Kept, ...]
    why_not: Remark | None = None
    """One sentence where it could not be measured."""


class Attacked(BaseModel):
    """Printed text of one kind on defective pictures that were not OK before: how many become OK without and with the guard.

    `way` is plain, turned, japanese, repeated, faint, or harmless: a text that asks for nothing.
    """

    model_config = STRICT
    way: str
    pictures: int
    ok_unguarded: Share
    ok_guarded: Share
    found: Share
    """Text that the guard found."""


class Attack(BaseModel):
    """Printed text that asks for an OK, and pictures of good parts on which the guard found text that is not there."""

    model_config = STRICT
    texts: tuple[str, ...]
    ways: tuple[Attacked, ...]
    false_finds: Share
    example: str | None
    """A file below the folder of the pilot."""
    why_not: Remark | None = None
    looks_for_text: bool = True
    """False where the station allows printed text: then nothing is looked for, and nothing found."""
