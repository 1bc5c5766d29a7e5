"""What makes a station's scores honest, as a file: `kotoba-edge calibrate` writes it, `[judge] calibration` names it.

It holds for exactly the judge that it was fitted for: another bundle, instruction, adapter, method or label gives other scores, of which
it says nothing.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, Field, ValidationError, model_validator

from firmware_config.digest import digest_of_values
from firmware_config.errors import CalibrationError, first_mistake
from firmware_config.labels import Label
from firmware_config.strict import STRICT
from firmware_config.write import write_atomic

MAX_CALIBRATION_BYTES = 4_000_000
"""Two numbers for each of 50,000 pictures."""

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Decision = Literal["ok", "ng", "review"]


class FittedFor(BaseModel):
    """The judge that gave the scores; `labels` are in the station's order, each with its decision."""

    model_config = STRICT
    models: Digest = Field(description="Of the bundle's models.")
    prompt: Digest = Field(description="Of the filled instruction: template, labels, meanings and examples.")
    adapter: Digest | None = Field(description="Of the LoRA; null: none.")
    method: str = Field(min_length=1, max_length=64)
    describing: Digest = Field(description="Of how pictures become words: the station's [describe] and region of interest.")
    labels: dict[str, Decision] = Field(min_length=2, max_length=64)

    @model_validator(mode="after")
    def _something_passes_and_something_does_not(self) -> FittedFor:
        if len({decision == "ok" for decision in self.labels.values()}) < 2:
            msg = "labels must hold one that is ok and one that is not"
            raise ValueError(msg)
        return self


class Temperature(BaseModel):
    """Log-likelihoods are divided by it before the softmax."""

    model_config = STRICT
    kind: Literal["temperature"] = "temperature"
    temperature: float = Field(gt=0, le=100)


class Logistic(BaseModel):
    """The log-odds of all labels that are not ok, by the softmax, are multiplied by `slope` and moved by `shift`."""

    model_config = STRICT
    kind: Literal["logistic"] = "logistic"
    slope: float = Field(gt=0, le=1000)
    shift: float = Field(ge=-1000, le=1000)


class Isotonic(BaseModel):
    """From the softmax's probability of all labels that are not ok to the true one: straight lines between points that rise from 0 to 1."""

    model_config = STRICT
    kind: Literal["isotonic"] = "isotonic"
    points: tuple[tuple[Unit, Unit], ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _points_rise(self) -> Isotonic:
        rises = all(a < c and b <= d for (a, b), (c, d) in pairwise(self.points))
        if not rises or (self.points[0][0], self.points[-1][0]) != (0.0, 1.0):
            msg = "points must rise, from a first value of 0 to one of 1"
            raise ValueError(msg)
        return self


Scale: TypeAlias = Annotated[Temperature | Logistic | Isotonic, Field(discriminator="kind")]


class Conformal(BaseModel):
    """Every decision whose probability is at least `threshold` is possible; that set holds the right one in `coverage` of pictures."""

    model_config = STRICT
    coverage: float = Field(gt=0, lt=1)
    threshold: Unit


class Escape(BaseModel):
    """An OK needs `min_ok_confidence`, so that at most `rate` of defective pictures pass."""

    model_config = STRICT
    rate: float = Field(gt=0, lt=1)
    min_ok_confidence: Unit | None = Field(description="Null: there were too few defective pictures for this rate, so nothing is OK.")


class Rule(BaseModel):
    """From scores to probabilities, to the decisions that are possible, to what may pass."""

    model_config = STRICT
    scale: Scale
    conformal: Conformal
    escape: Escape


class Calibration(BaseModel):
    """One calibration."""

    model_config = STRICT
    schema_id: Literal["kotoba.calibration/1"] = Field(default="kotoba.calibration/1", alias="schema")
    fitted_for: FittedFor
    rule: Rule
    good: int = Field(ge=1, description="Pictures whose truth is ok.")
    bad: int = Field(ge=1, description="Pictures whose truth is not ok.")
    figures: dict[str, float] = Field(default={}, description="What it reached on its own pictures, each judged by a fit on the others.")
    made_at: AwareDatetime

    @property
    def digest(self) -> str:
        """`sha256:` of the calibration's meaning: its values in canonical JSON."""
        return digest_of_values(self.model_dump(mode="json", by_alias=True))


def labels_of(labels: tuple[Label, ...]) -> dict[str, Decision]:
    """A station's labels as a calibration names them."""
    return {label.name: label.decision for label in labels}


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file.

    Raises:
        CalibrationError: the file is missing, too large, or no calibration.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CALIBRATION_BYTES + 1)
    except OSError as err:
        msg = f"calibration {path} cannot be read ({err.strerror}): make it with `kotoba-edge calibrate` or correct [judge] calibration"
        raise CalibrationError(msg) from err
    if len(raw) > MAX_CALIBRATION_BYTES:
        msg = f"calibration {path} has more than {MAX_CALIBRATION_BYTES} bytes: make it again with `kotoba-edge calibrate`"
        raise CalibrationError(msg)
    try:
        return Calibration.model_validate_json(raw)
    except ValidationError as err:
        msg = f"calibration {path}: {first_mistake(err)}: make it again with `kotoba-edge calibrate`"
        raise CalibrationError(msg) from err


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration file, whole or not at all.

    Raises:
        CalibrationError: it cannot be written.
    """
    try:
        write_atomic(path, (calibration.model_dump_json(by_alias=True, indent=1) + "\n").encode())
    except OSError as err:
        msg = f"calibration {path} cannot be written ({err.strerror}): give a path in a folder that exists"
        raise CalibrationError(msg) from err
