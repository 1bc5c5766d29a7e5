"""Stations that can never say OK: each is told why, and what is told is true of the policy that decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from edge.calibration.apply import apply_rule
from edge.calibration.scales import probabilities
from edge.inspection.policy import decide, limits_of
from edge.records import Decision, Scores
from edge.texts.obstacles import JAPANESE
from firmware_config.bundle import Manifest
from firmware_config.calibration import Calibration, labels_of
from firmware_config.obstacles import Kind, bundle_temperature, obstacles
from firmware_config.station import Station
from tests.support import tiny_bundle
from tests.support.calibrations import calibration
from tests.support.sample_records import LABELS, description, station
from tests.support.tiny_bundle import is_one_sentence

SURE_OF_GOOD = (0.0, -60.0, -60.0)
DRAWS = 300
NO_OK = {"labels": [{"name": label, "decision": decision} for label, decision in zip(LABELS, ("review", "ng", "ng"), strict=True)]}
NO_THRESHOLD = {"rate": 0.02, "min_ok_confidence": None}
TERMS = {"terms": [{"name": "crack", "also": ["fissure"]}]}


@dataclass(frozen=True)
class Case:
    """A station, its bundle's temperatures, its calibration, and the obstacles that must be told."""

    told: tuple[Kind, ...]
    sections: dict[str, Any] = field(default_factory=dict)
    temperatures: tuple[tuple[str | None, str], ...] = (("product", "default"),)
    rule: dict[str, Any] | None = None
    bad: int = 60
    is_taught: bool = False
    words: str = ""

    @property
    def station(self) -> Station:
        return station(**{"judge": {"adapter": "product"}, **self.sections})

    @property
    def manifest(self) -> Manifest:
        entries = [{"adapter": adapter, "template": template, "temperature": 1.5} for adapter, template in self.temperatures]
        return Manifest.model_validate(tiny_bundle.manifest_of(tiny_bundle.sound_files()) | {"temperatures": entries})

    @property
    def calibration(self) -> Calibration | None:
        if self.rule is None:
            return None
        return calibration({"labels": labels_of(self.station.labels)}, **self.rule).model_copy(update={"bad": self.bad})


def isotonic(least: float) -> dict[str, Any]:
    """A scale whose probability of "not ok" is at least `least`."""
    return {"kind": "isotonic", "points": [[0.0, least], [1.0, 0.99]]}


CASES = {
    "as the bundle's maker meant": Case(()),
    "no adapter, the bundle has one": Case((Kind.NO_ADAPTER,), {"judge": {}}, words='set adapter = "product"'),
    "no adapter, the bundle is calibrated without": Case((Kind.UNTUNED,), {"judge": {}}, ((None, "default"),)),
    "no adapter, calibrated by a file": Case((Kind.UNTUNED,), {"judge": {}}, rule={}),
    "no adapter, the bundle is not calibrated": Case((Kind.NO_TEMPERATURE_UNTUNED, Kind.UNTUNED), {"judge": {}}, ()),
    "a bundle that is not calibrated": Case((Kind.NO_TEMPERATURE,), temperatures=()),
    "another template": Case((Kind.NO_TEMPERATURE,), {"judge": {"adapter": "product", "template": "long"}}, words="template long"),
    "another adapter": Case((Kind.NO_TEMPERATURE,), {"judge": {"adapter": "other"}}, words="adapter other"),
    "a template file": Case((Kind.OTHER_JUDGING,), {"judge": {"adapter": "product", "template_file": "x"}}, words="[judge] template_file"),
    "another method": Case((Kind.OTHER_JUDGING,), {"judge": {"adapter": "product", "method": "generate"}}, words='method = "generate"'),
    "the quality filter": Case((Kind.OTHER_JUDGING,), {"describe": {"filter": True}}, words="[describe] filter"),
    "measured words": Case((Kind.OTHER_JUDGING,), {"describe": {"measured": True}}, words="[describe] measured = true"),
    "terms of its own": Case((Kind.OTHER_JUDGING,), {"describe": TERMS}, words="[[describe.terms]]"),
    "lessons": Case((Kind.OTHER_JUDGING,), is_taught=True, words="lessons"),
    "lessons, calibrated by a file": Case((), rule={}, is_taught=True),
    "no label is ok": Case((Kind.NO_OK_LABEL,), NO_OK),
    "too few bad pictures": Case((Kind.TOO_FEW_BAD,), rule={"escape": NO_THRESHOLD}, bad=30, words="at least 49"),
    "bad pictures as sure as good ones": Case((Kind.NO_THRESHOLD,), rule={"escape": NO_THRESHOLD}),
    "threshold above the scale": Case(
        (Kind.UNREACHABLE,), rule={"scale": isotonic(0.1), "escape": {"rate": 0.02, "min_ok_confidence": 0.95}}, words="at most 0.9000"
    ),
    "threshold below the top of the scale": Case((), rule={"scale": isotonic(0.1), "escape": {"rate": 0.02, "min_ok_confidence": 0.85}}),
    "least confidence above the scale": Case(
        (Kind.UNREACHABLE,),
        {"judge": {"adapter": "product", "min_confidence": 0.95}},
        rule={"scale": isotonic(0.1)},
        words="0.9500 (min_confidence)",
    ),
    "margin above the scale": Case(
        (Kind.UNREACHABLE_MARGIN,),
        {"judge": {"adapter": "product", "min_margin": 0.9}},
        rule={"scale": isotonic(0.1)},
        words="at most 0.8500",
    ),
    "prediction sets of everything": Case((Kind.ALWAYS_AMBIGUOUS,), rule={"conformal": {"coverage": 0.99, "threshold": 0.0}}),
    "prediction sets below the scale": Case(
        (Kind.ALWAYS_AMBIGUOUS,), rule={"scale": isotonic(0.1), "conformal": {"coverage": 0.9, "threshold": 0.04}}
    ),
    "two obstacles": Case((Kind.NO_OK_LABEL, Kind.NO_ADAPTER), NO_OK | {"judge": {}}),
}


@pytest.mark.parametrize("measured", [False, True, ("darker",)])
def test_of_several_temperatures_that_with_the_measured_words_of_the_station_holds(measured: object) -> None:
    fitted: dict[float, object] = {1.5: ["darker"], 2.5: False}
    entries = [{"adapter": "product", "template": "default", "temperature": one, "measured": said} for one, said in fitted.items()]
    manifest = Manifest.model_validate(tiny_bundle.manifest_of(tiny_bundle.sound_files()) | {"temperatures": entries})
    here = station(judge={"adapter": "product"}, describe={"measured": measured})
    assert bundle_temperature(here, manifest) == {False: 2.5, True: None, ("darker",): 1.5}[measured]


def scores(case: Case, log_likelihoods: tuple[float, ...]) -> Scores:
    """As the station's judge gives them."""
    temperature = bundle_temperature(case.station, case.manifest, is_taught=case.is_taught)
    chances = probabilities(np.array(log_likelihoods), temperature or 1.0)
    plain = Scores(LABELS, log_likelihoods, tuple(map(float, chances)), "rank", 100, calibrated=temperature is not None)
    found = case.calibration
    return plain if found is None else apply_rule(plain, found.rule, found.fitted_for.labels)


def decision(case: Case, log_likelihoods: tuple[float, ...]) -> Decision:
    found = case.calibration
    limits = limits_of(case.station, None if found is None else found.rule.escape)
    return decide(description(), scores(case, log_likelihoods), labels=case.station.labels, limits=limits).decision


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_station_is_told_what_keeps_it_from_saying_ok(case: Case) -> None:
    found = obstacles(case.station, case.manifest, case.calibration, is_taught=case.is_taught)
    assert tuple(obstacle.kind for obstacle in found) == case.told
    assert case.words in " ".join(obstacle.why() for obstacle in found)
    for obstacle in found:
        assert is_one_sentence(obstacle.told(case.station))
        assert "cell-01" in obstacle.told(case.station, JAPANESE)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_told_is_what_the_policy_does(case: Case) -> None:
    found = obstacles(case.station, case.manifest, case.calibration, is_taught=case.is_taught)
    if any(obstacle.is_absolute for obstacle in found):
        rng = np.random.default_rng(0)
        drawn = [tuple(map(float, row)) for scale in (1, 10, 100) for row in rng.normal(0, scale, (DRAWS, 3))]
        assert Decision.OK not in {decision(case, row) for row in [SURE_OF_GOOD, (0.0, -1000.0, -1000.0), (0.0, -5.0, -5.0), *drawn]}
    else:
        assert decision(case, SURE_OF_GOOD) is Decision.OK


@pytest.mark.parametrize(("judge", "told"), [({}, (Kind.NO_BUNDLE,)), ({"adapter": "product"}, ()), ({"calibration": "cell.json"}, ())])
def test_without_a_bundle_only_the_station_itself_can_be_told(judge: dict[str, str], told: tuple[Kind, ...]) -> None:
    assert tuple(obstacle.kind for obstacle in obstacles(station(judge=judge), None, None)) == told
