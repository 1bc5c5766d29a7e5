"""What keeps a station from ever saying OK: one place that `kotoba-config new` and `check`, `kotoba-edge doctor` and `calibrate` ask.

A station that can never say OK still runs: every good part becomes REVIEW. So a person must be told, and told what to do.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from firmware_config.bundle import AdapterTemperature, LinearTemperature, Manifest
from firmware_config.calibration import Calibration, Isotonic, bad_pictures_needed
from firmware_config.commented_toml import toml_value
from firmware_config.station import Station

ROUNDING = 1e-9
"""Probabilities that differ by less count as equal, as where prediction sets are made."""


class Kind(Enum):
    """The kinds of obstacles. `UNTUNED` alone is no absolute one: such a station may say OK, but judges worse than its bundle can."""

    NO_OK_LABEL = "no_ok_label"
    UNTUNED = "untuned"
    NO_ADAPTER = "no_adapter"
    NO_TEMPERATURE = "no_temperature"
    NO_TEMPERATURE_UNTUNED = "no_temperature_untuned"
    NO_TEMPERATURE_LINEAR = "no_temperature_linear"
    OTHER_JUDGING = "other_judging"
    NO_BUNDLE = "no_bundle"
    TOO_FEW_BAD = "too_few_bad"
    NO_THRESHOLD = "no_threshold"
    UNREACHABLE = "unreachable"
    UNREACHABLE_MARGIN = "unreachable_margin"
    ALWAYS_AMBIGUOUS = "always_ambiguous"


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language: `never` and `beside` are whole sentences around an obstacle, absolute or not; `kinds` its own words."""

    never: str
    beside: str
    kinds: Mapping[Kind, str]


_ENGLISH_KINDS: Mapping[Kind, str] = {
    Kind.NO_OK_LABEL: 'none of its labels has the decision "ok": give it to the label of good parts',
    Kind.UNTUNED: "[judge] names no adapter, so the language model judges untuned; bundle {bundle} has the adapter {adapters}: set "
    'adapter = "{adapter}" unless you mean this',
    Kind.NO_ADAPTER: "[judge] names no adapter, and bundle {bundle} is calibrated with the adapter {adapters} only: set "
    'adapter = "{adapter}", or calibrate the station with `kotoba-edge calibrate`',
    Kind.NO_TEMPERATURE: "bundle {bundle} has no calibration for adapter {adapter} and template {template}: calibrate the station with "
    "`kotoba-edge calibrate`",
    Kind.NO_TEMPERATURE_UNTUNED: "[judge] names no adapter, and bundle {bundle} has no calibration for template {template} without one: "
    "calibrate the station with `kotoba-edge calibrate`",
    Kind.NO_TEMPERATURE_LINEAR: "bundle {bundle} has no calibration for linear judge {linear}: calibrate the station with "
    "`kotoba-edge calibrate`",
    Kind.OTHER_JUDGING: "the calibration of bundle {bundle} does not hold with {what}: calibrate the station with `kotoba-edge calibrate`",
    Kind.NO_BUNDLE: "[judge] names neither an adapter nor a calibration: make the station with `kotoba-config new --bundle`, name an "
    "adapter of the bundle, or calibrate the station with `kotoba-edge calibrate`",
    Kind.TOO_FEW_BAD: "to guarantee an escape rate of {rate} takes at least {needed} bad pictures, there are {bad}: calibrate with more, "
    "or with a higher --escape",
    Kind.NO_THRESHOLD: "some bad pictures are judged as surely good as any can be, so no confidence guarantees an escape rate of {rate}: "
    "calibrate with a higher --escape, or improve the judge",
    Kind.UNREACHABLE: "an OK needs a confidence of {needed} ({key}), and the calibration gives at most {reach}: calibrate with more "
    "pictures, with another --kind, or lower the limit",
    Kind.UNREACHABLE_MARGIN: "an OK needs a margin of {needed} ([judge] min_margin), and the calibration gives at most {reach}: calibrate "
    "with more pictures, or lower the limit",
    Kind.ALWAYS_AMBIGUOUS: "the calibration's prediction sets always hold more than one decision (threshold {threshold}): calibrate with "
    "more pictures, or with a lower --coverage",
}

ENGLISH = Texts(never="station {name} can never say OK: {why}", beside="station {name}: {why}", kinds=_ENGLISH_KINDS)
"""The Japanese texts are in edge/texts/obstacles.py."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that keeps a station from saying OK, with the values that its sentence names."""

    kind: Kind
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_absolute(self) -> bool:
        """Whether the station can never say OK because of it."""
        return self.kind is not Kind.UNTUNED

    def why(self, texts: Texts = ENGLISH) -> str:
        """The obstacle in words, and what to do."""
        return texts.kinds[self.kind].format(**self.values)

    def told(self, station: Station, texts: Texts = ENGLISH) -> str:
        """One sentence on the station."""
        sentence = texts.never if self.is_absolute else texts.beside
        return sentence.format(name=station.station.name, why=self.why(texts))


def obstacles(
    station: Station, manifest: Manifest | None, calibration: Calibration | None, *, is_taught: bool = False
) -> tuple[Obstacle, ...]:
    """Everything that keeps a station from saying OK on a bundle, or on any bundle where `manifest` is None.

    `calibration` is the content of the station's calibration file, None without one. `is_taught` says that lessons give the judge examples.
    """
    found = []
    decisions = {label.decision for label in station.labels} | {rule.decision for rule in station.rules}
    if "ok" not in decisions:
        found.append(Obstacle(Kind.NO_OK_LABEL))
    if calibration is not None:
        found += _of_calibration(station, calibration)
    elif station.judge.calibration is None:
        found += _without_calibration(station, manifest, is_taught=is_taught)
    told = any(obstacle.kind is Kind.NO_ADAPTER for obstacle in found)
    is_untuned = station.judge.adapter is None and station.judge.method != "linear"
    if manifest is not None and manifest.llm.adapters and is_untuned and not told:
        found.append(Obstacle(Kind.UNTUNED, {"bundle": manifest.name, **_adapters(manifest.llm.adapters)}))
    return tuple(found)


def bundle_temperature(station: Station, manifest: Manifest, *, is_taught: bool = False) -> float | None:
    """The bundle's temperature of a station's adapter and template, or of its linear judge, None where it does not hold.

    It was fitted on ranked labels under the bundle's own template, on words as the describer gives them: it says nothing of a station that
    judges otherwise, that changes words by the quality filter or by its own terms, that measures where the temperature was fitted without
    measured words (or the reverse), or whose lessons are examples in the instruction.
    """
    fitted = _temperature(station, manifest)
    return None if fitted is None or is_taught or any(_other_judging(station, fitted)) else fitted.temperature


def _temperature(station: Station, manifest: Manifest) -> AdapterTemperature | LinearTemperature | None:
    """That of the station's judge; of several the one that was fitted with what the station measures."""
    judge, wanted = station.judge, (station.judge.adapter, station.judge.template)
    found: list[AdapterTemperature | LinearTemperature]
    if judge.method == "linear":
        found = [one for one in manifest.temperatures if isinstance(one, LinearTemperature) and one.linear == judge.linear]
    else:
        found = [one for one in _of_adapters(manifest) if (one.adapter, one.template) == wanted]
    return min(found, key=lambda one: one.measured != station.describe.measured, default=None)


def _of_adapters(manifest: Manifest) -> list[AdapterTemperature]:
    return [one for one in manifest.temperatures if isinstance(one, AdapterTemperature)]


def _other_judging(station: Station, fitted: AdapterTemperature | LinearTemperature) -> Iterator[str]:
    """The settings with which a bundle's temperature does not hold."""
    if station.judge.method not in {"rank", "linear"}:
        yield f'[judge] method = "{station.judge.method}"'
    if station.judge.template_file is not None and station.judge.method != "linear":
        yield "[judge] template_file"
    if station.describe.filter:
        yield "[describe] filter"
    if station.describe.terms:
        yield "[[describe.terms]]"
    if station.describe.measured != fitted.measured:
        yield f"[describe] measured = {toml_value(station.describe.measured)}"


def _without_calibration(station: Station, manifest: Manifest | None, *, is_taught: bool) -> Iterator[Obstacle]:
    if manifest is None:
        if station.judge.adapter is None and station.judge.method != "linear":
            yield Obstacle(Kind.NO_BUNDLE)
        return
    if bundle_temperature(station, manifest, is_taught=is_taught) is not None:
        return
    judge = station.judge
    calibrated = [entry.adapter for entry in _of_adapters(manifest) if entry.template == judge.template and entry.adapter is not None]
    fitted = _temperature(station, manifest)
    if fitted is not None:
        what = ", ".join([*_other_judging(station, fitted), *(["lessons"] if is_taught else [])])
        yield Obstacle(Kind.OTHER_JUDGING, {"bundle": manifest.name, "what": what})
    elif judge.method == "linear":
        yield Obstacle(Kind.NO_TEMPERATURE_LINEAR, {"bundle": manifest.name, "linear": str(judge.linear)})
    elif judge.adapter is None and calibrated:
        yield Obstacle(Kind.NO_ADAPTER, {"bundle": manifest.name, **_adapters(calibrated)})
    elif judge.adapter is None:
        yield Obstacle(Kind.NO_TEMPERATURE_UNTUNED, {"bundle": manifest.name, "template": judge.template})
    else:
        yield Obstacle(Kind.NO_TEMPERATURE, {"bundle": manifest.name, "adapter": judge.adapter, "template": judge.template})


def _adapters(names: Collection[str]) -> dict[str, str]:
    return {"adapters": ", ".join(sorted(names)), "adapter": min(names)}


def _of_calibration(station: Station, calibration: Calibration) -> Iterator[Obstacle]:
    """What the numbers of a calibration make impossible, whatever the picture."""
    rule, needed_bad = calibration.rule, bad_pictures_needed(calibration.rule.escape.rate)
    rate, least = f"{rule.escape.rate:.1%}", rule.escape.min_ok_confidence
    if least is None and calibration.bad < needed_bad:
        yield Obstacle(Kind.TOO_FEW_BAD, {"rate": rate, "needed": str(needed_bad), "bad": str(calibration.bad)})
    elif least is None:
        yield Obstacle(Kind.NO_THRESHOLD, {"rate": rate})
    # Only an isotonic scale has a least probability of "not ok"; the others come as near to 0 as one likes.
    not_ok = rule.scale.points[0][1] if isinstance(rule.scale, Isotonic) else 0.0
    others = {decision for decision in calibration.fitted_for.labels.values() if decision != "ok"}
    next_decision, reach = not_ok / len(others), 1 - not_ok
    limits = {"min_confidence": station.judge.min_confidence, "min_ok_confidence": least or 0.0}
    key, needed = max(limits.items(), key=lambda limit: limit[1])
    if needed > reach:
        yield Obstacle(Kind.UNREACHABLE, {"needed": _up(needed), "key": key, "reach": _down(reach)})
    if station.judge.min_margin > reach - next_decision:
        margin = {"needed": _up(station.judge.min_margin), "reach": _down(reach - next_decision)}
        yield Obstacle(Kind.UNREACHABLE_MARGIN, margin)
    if next_decision >= rule.conformal.threshold - ROUNDING:
        yield Obstacle(Kind.ALWAYS_AMBIGUOUS, {"threshold": f"{rule.conformal.threshold:.3f}"})


def _up(share: float) -> str:
    return f"{math.ceil(share * 1e4) / 1e4:.4f}"


def _down(share: float) -> str:
    return f"{math.floor(share * 1e4) / 1e4:.4f}"
