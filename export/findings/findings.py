"""pilot.json: everything that a pilot found, from which its reports are made."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from export.errors import ExportError
from export.findings.box import Attack, Decided, Latency, Part, Trust
from export.findings.comparison import Comparison
from export.findings.figures import Figure, Share
from export.findings.remark import Remark
from export.findings.scorers import Scorer
from export.findings.shift import ShiftFindings
from firmware_config.errors import first_mistake
from firmware_config.regular_file import read_limited
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json

FINDINGS = "pilot.json"
MAX_FINDINGS_BYTES = 200_000_000

Outcome = Literal["go", "no_go", "not_enough"]
ReasonCode = Literal[
    "escape_above_limit",
    "escape_not_shown",
    "overkill_above_limit",
    "review_above_limit",
    "control_is_better",
    "words_add_nothing",
    "domain_fails",
    "too_few_defects",
    "one_class",
    "text_fools_it",
    "costs_more",
]


class FindingsError(ExportError):
    """A pilot.json cannot be read; the message says why in one sentence."""


class Limits(BaseModel):
    """What the plant asks for, shares 0..1: the upper limit of the interval of the escape must be at or below `escape`."""

    model_config = STRICT
    escape: float = Field(default=0.02, gt=0, lt=1, description="Defective parts that may become OK.")
    overkill: float = Field(default=0.10, gt=0, lt=1, description="Good parts that may become NG.")
    review: float = Field(default=0.20, gt=0, le=1, description="Parts that people may have to look at.")


class Reason(BaseModel):
    """Why a pilot ends as it does: a code, and the figures that its sentence needs, by name."""

    model_config = STRICT
    code: ReasonCode
    values: dict[str, float | int | str]


class Answer(BaseModel):
    """Go, no-go, or not enough seen to say; each limit that is missed is a reason. `more_defects` would be needed to show the escape."""

    model_config = STRICT
    outcome: Outcome
    reasons: tuple[Reason, ...]
    escape: Share
    overkill: Share
    review: Share
    limits: Limits
    more_defects: int | None = None


class Domain(BaseModel):
    """The pictures of one domain. `seen`: pictures of it taught the bundle."""

    model_config = STRICT
    name: str
    seen: bool
    good: int
    bad: int
    unlabelled: int
    unreadable: int
    blocks: int
    labels: dict[str, int]


class Origin(BaseModel):
    """What the findings came from; digests are `sha256:`. `command` makes them again."""

    model_config = STRICT
    version: str
    command: str
    specification: str
    dataset: str
    bundle_name: str
    bundle: str
    models: str
    station: str
    machine: str
    seeds: tuple[int, ...]


EqualFigure = Literal["auroc", "macro_f1"]


class EqualLabels(BaseModel):
    """The fewest labels per class of the target at which the mean of a figure over the targets reaches that of the reference, `to`."""

    model_config = STRICT
    figure: EqualFigure
    to: Figure
    labels: dict[Scorer, int | None]
    """By scorer that learns; None if no number of labels did."""


class Effort(BaseModel):
    """The work that the pilot took: labelled pictures, seconds of the machine by step, and labels needed for equal quality."""

    model_config = STRICT
    labelled: int
    seconds: dict[str, float]
    equal: tuple[EqualLabels, ...] = ()


class Findings(BaseModel):
    """pilot.json."""

    model_config = STRICT
    schema_name: Literal["kotoba.pilot/1"] = Field(alias="schema")
    name: str
    product: dict[Literal["en", "ja"], str]
    about: dict[Literal["en", "ja"], str]
    origin: Origin
    answer: Answer
    domains: tuple[Domain, ...]
    good_labels: tuple[str, ...]
    bad_labels: tuple[str, ...]
    remarks: tuple[Remark, ...]
    decided: tuple[Decided, ...]
    comparisons: tuple[Comparison, ...]
    shift: ShiftFindings | None
    trust: Trust | None
    attack: Attack | None
    latency: Latency | None
    effort: Effort
    escaped: tuple[Part, ...]
    overkilled: tuple[Part, ...]
    left_out: tuple[Remark, ...] = ()
    """What the specification left out or what could not be measured."""


def read_findings(path: Path) -> Findings:
    """Read pilot.json, or that of a folder.

    Raises:
        FindingsError: it cannot be read, or is none.
    """
    file = path / FINDINGS if path.is_dir() else path
    try:
        return read_json(Findings, read_limited(file, MAX_FINDINGS_BYTES))
    except OSError as err:
        msg = f"reading {file}: {err.strerror}: give the folder of a pilot, or its {FINDINGS}"
        raise FindingsError(msg) from err
    except ValidationError as err:
        msg = f"reading {file}: {first_mistake(err, Findings)}: run the pilot again"
        raise FindingsError(msg) from err
    except ValueError as err:
        msg = f"reading {file}: {err}: run the pilot again"
        raise FindingsError(msg) from err
