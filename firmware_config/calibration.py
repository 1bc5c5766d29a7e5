"""The calibration file of a station: `kotoba-edge calibrate` writes it, `[judge] calibration` names it.

It turns the judge's log-likelihoods into calibrated probabilities. It is valid for exactly the judge that it was fitted for: other models,
another instruction, adapter, method or label give other scores.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from firmware_config.digest import digest_of_values
from firmware_config.errors import CalibrationError, first_mistake
from firmware_config.labels import Label
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json
from firmware_config.verified_file import StoredFile, content_of
from firmware_config.write import write_atomic

ESCAPE, COVERAGE = 0.02, 0.9
"""The default guarantee: the share of bad pictures that may become OK, and the share of prediction sets that hold the right decision."""

GOOD = 0.9
"""The default share of unlabelled pictures that is good at least: a line makes more good parts than bad ones."""

ROUNDING = 1e-9
"""1 / 0.02, which is a little more than 50 in floating point, counts as 50."""

MAX_CALIBRATION_BYTES = 4_000_000
"""Room for an isotonic scale with two numbers for each of 50,000 pictures."""

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Decision = Literal["ok", "ng", "review"]


class FittedFor(BaseModel):
    """What the scores of a judge depend on; `labels` are in the station's order, each with its decision."""

    model_config = STRICT
    models: Digest = Field(description="Digest of the bundle's models.")
    prompt: Digest | None = Field(
        description="Digest of the filled instruction: template, labels, meanings and examples; null: a linear judge reads none."
    )
    adapter: Digest | None = Field(description="Digest of the LoRA or of the linear judge; null: the judge has none.")
    method: str = Field(min_length=1, max_length=64, description="The station's [judge] method.")
    describing: Digest = Field(description="Digest of how pictures become words: the station's [describe] and region of interest.")
    labels: dict[str, Decision] = Field(min_length=2, max_length=64)


class Temperature(BaseModel):
    """The log-likelihoods are divided by `temperature` before the softmax."""

    model_config = STRICT
    kind: Literal["temperature"] = "temperature"
    temperature: float = Field(gt=0, le=100)


class Logistic(BaseModel):
    """The softmax's log-odds of all labels that are not ok are multiplied by `slope`, then `shift` (nats) is added."""

    model_config = STRICT
    kind: Literal["logistic"] = "logistic"
    slope: float = Field(gt=0, le=1000)
    shift: float = Field(ge=-1000, le=1000)


class Isotonic(BaseModel):
    """Maps the softmax's probability of all labels that are not ok to the calibrated one, linearly between `points` (before, after)."""

    model_config = STRICT
    kind: Literal["isotonic"] = "isotonic"
    points: tuple[tuple[Unit, Unit], ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _points_rise(self) -> Isotonic:
        rises = all(a < c and b <= d for (a, b), (c, d) in pairwise(self.points))
        if not rises or (self.points[0][0], self.points[-1][0]) != (0.0, 1.0):
            msg = "points must rise: first values strictly, from 0 to 1"
            raise ValueError(msg)
        return self


Scale: TypeAlias = Annotated[Temperature | Logistic | Isotonic, Field(discriminator="kind")]


class Conformal(BaseModel):
    """The prediction set of a picture holds every decision with a probability of at least `threshold`.

    It holds the right decision for a share `coverage` of pictures.
    """

    model_config = STRICT
    coverage: float = Field(gt=0, lt=1)
    threshold: Unit


class Escape(BaseModel):
    """An OK needs a confidence of at least `min_ok_confidence`: then at most a share `rate` of defective pictures becomes OK."""

    model_config = STRICT
    rate: float = Field(gt=0, lt=1)
    min_ok_confidence: Unit | None = Field(
        description="Null: there were too few defective pictures to guarantee this rate; no picture becomes OK."
    )


class Rule(BaseModel):
    """From scores to probabilities, to the prediction set, to the confidence that an OK needs."""

    model_config = STRICT
    moved: float = Field(
        default=0.0,
        description="Nats by which the log-odds of all labels that are not ok are lowered before the scale: the calibration was carried "
        "over to pictures of another condition, whose good ones lie so much higher.",
    )
    scale: Scale
    conformal: Conformal
    escape: Escape


class Middles(BaseModel):
    """The median log-odds (nats) of all labels that are not ok, of the good and of the bad pictures of the fit."""

    model_config = STRICT
    good: float
    bad: float


class Calibration(BaseModel):
    """The calibration of one station, fitted on labelled pictures."""

    model_config = STRICT
    schema_id: Literal["kotoba.calibration/1"] = Field(default="kotoba.calibration/1", alias="schema")
    fitted_for: FittedFor
    rule: Rule
    good: int = Field(ge=1, description="Number of pictures whose label is ok.")
    bad: int = Field(ge=1, description="Number of pictures whose label is not ok.")
    middles: Middles | None = Field(
        default=None, description="Where its pictures lay. Null: a calibration from before it was written; it cannot be carried over."
    )
    carried_from: Digest | None = Field(
        default=None, description="Digest of the calibration that was carried over to the condition of this one. Null: it was fitted."
    )
    figures: dict[str, float] = Field(
        default={}, description="Measured on its own pictures, each with a fit on the other blocks; of one that was carried over, by what."
    )
    made_at: AwareDatetime

    @model_validator(mode="after")
    def _some_label_is_ok_and_some_is_not(self) -> Calibration:
        if len({decision == "ok" for decision in self.fitted_for.labels.values()}) < 2:
            msg = "fitted_for.labels must hold at least one label that is ok and one that is not"
            raise ValueError(msg)
        return self

    @property
    def digest(self) -> str:
        """`sha256:` of the calibration's values in canonical JSON; what is new and not used leaves it as it was."""
        values = self.model_dump(mode="json", by_alias=True)
        for where, key, unused in ((values["rule"], "moved", 0.0), (values, "middles", None), (values, "carried_from", None)):
            if where[key] == unused:
                del where[key]
        return digest_of_values(values)

    def require_fitted_for(self, judge: FittedFor, *, path: Path) -> None:
        """Refuse to calibrate the scores of another judge; `path` is the calibration file, for the message.

        Raises:
            CalibrationError: names the first thing that differs.
        """
        for what, field in _FITTED_FOR_WORDS.items():
            fitted, actual = _ordered(getattr(self.fitted_for, field)), _ordered(getattr(judge, field))
            if fitted != actual:
                msg = (
                    f"calibration {path} was fitted for {what} {_shown(fitted)}, but the station judges with {_shown(actual)}: "
                    "make it again with `kotoba-edge calibrate` from pictures that were judged with the station and bundle of today"
                )
                raise CalibrationError(msg)


_FITTED_FOR_WORDS = {
    "models": "models",
    "labels": "labels",
    "words by [describe] and roi": "describing",
    "method": "method",
    "adapter or linear judge": "adapter",
    "instruction": "prompt",
}
"""How messages name the fields of `FittedFor`, in the order in which they are compared."""


def _ordered(value: str | dict[str, Decision] | None) -> str | list[tuple[str, Decision]] | None:
    """Labels as a list: two dicts are equal in whatever order, two judges are not."""
    return list(value.items()) if isinstance(value, dict) else value


def _shown(value: str | list[tuple[str, Decision]] | None) -> str:
    if isinstance(value, list):
        return ", ".join(f"{name} ({decision})" for name, decision in value)
    return "none" if value is None else value


def labels_of(labels: tuple[Label, ...]) -> dict[str, Decision]:
    """The labels of a station, in its order, as `FittedFor` holds them."""
    return {label.name: label.decision for label in labels}


def bad_pictures_needed(escape: float) -> int:
    """The least number of bad pictures with which an escape rate (0..1) can be guaranteed: (0 missed + 1) / (n + 1) <= escape."""
    return math.ceil(1 / escape - ROUNDING) - 1


def read_calibration(path: StoredFile) -> Calibration:
    """Read a calibration file.

    Raises:
        CalibrationError: the file is missing, too large, or not a calibration.
    """
    try:
        raw = content_of(path, limit=MAX_CALIBRATION_BYTES)
    except OSError as err:
        msg = f"calibration {path} cannot be read ({err.strerror}): make it with `kotoba-edge calibrate` or correct [judge] calibration"
        raise CalibrationError(msg) from err
    return parse_calibration(raw, path=path)


def parse_calibration(raw: bytes, *, path: StoredFile) -> Calibration:
    """Parse the content of a calibration file; `path` names it in messages.

    Raises:
        CalibrationError: it is too large, or not a calibration.
    """
    if len(raw) > MAX_CALIBRATION_BYTES:
        msg = f"calibration {path} has more than {MAX_CALIBRATION_BYTES} bytes: make it again with `kotoba-edge calibrate`"
        raise CalibrationError(msg)
    try:
        return read_json(Calibration, raw)
    except ValueError as err:
        msg = f"calibration {path}: {first_mistake(err, Calibration)}: make it again with `kotoba-edge calibrate`"
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
