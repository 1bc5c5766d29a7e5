"""Golden pictures get from the Inspector the verdicts that a box gives."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.cli import main
from edge.describers.scripted import ScriptedDescriber
from edge.errors import BundleError
from edge.inspection.golden import (
    compare,
    decision_probability,
    describe_golden_picture,
    inspect_golden_picture,
    is_as_expected,
    read_golden_station,
)
from edge.inspection.inspector import Inspector
from edge.inspection.policy import Limits
from edge.judges.scripted import ScriptedJudge
from edge.picture.decode import PictureError
from edge.records import Decision, Description, Frame, Inspection, Reason, Scores, Verdict
from firmware_config.bundle import Golden, Manifest
from firmware_config.labels import Label
from tests.support import tiny_bundle
from tests.support.inspections import FULL
from tests.support.picture_files import gradient, png
from tests.support.repository import KEYS, STARTER
from tests.support.sample_records import BUNDLE, MODELS, description, scores, station

STATION = """
[station]
name = "cell-01"
path = "plant/line"
[camera]
kind = "folder"
path = "."
[picture]
roi = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]
frozen_after = 2
[trigger]
deadline_ms = 1
[[labels]]
name = "good"
decision = "ok"
[[labels]]
name = "crack"
decision = "ng"
[[labels]]
name = "unclear"
decision = "review"
"""


def test_a_box_gives_exactly_the_certified_verdicts_of_the_starter(tmp_path: Path) -> None:
    golden = open_trusted_bundle(STARTER, keys=KEYS).manifest.golden
    pictures = [str(STARTER / entry.picture) for entry in golden]
    options = ["--station", str(STARTER / "golden/station.toml"), "--bundle", str(STARTER), "--keys", str(KEYS)]

    assert main(["inspect", *pictures, *options, "--jsonl", str(tmp_path / "lines.jsonl")]) == 0

    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    given = [(line["source"], line["decision"], line["label"], round(line["confidence"], 4)) for line in lines]
    assert given == [(Path(entry.picture).name, entry.decision, entry.label, entry.probability) for entry in golden]


class SeeingDescriber:
    """Keeps the frames that it describes."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def describe(self, frame: Frame) -> Description:
        self.frames.append(frame)
        return description()


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle whose golden picture cell.png can be read and whose cell.jpg cannot; no model in it can run."""
    files = tiny_bundle.sound_files() | {"golden/station.toml": STATION.encode(), "golden/cell.png": png()}
    raw = tiny_bundle.as_json(tiny_bundle.manifest_of(files))
    tiny_bundle.write(tmp_path / "bundle", files, raw)
    return Bundle(tmp_path / "bundle", Manifest.model_validate_json(raw), BUNDLE)


def inspector_of(bundle: Bundle, opinion: Scores) -> Inspector:
    return Inspector(
        read_golden_station(bundle),
        describer=ScriptedDescriber({"cell.png": description()}),
        judge=ScriptedJudge(lambda _: opinion),
        limits=Limits(),
        bundle_digest=BUNDLE,
        models_digest=MODELS,
    )


def test_a_golden_picture_is_never_late_and_never_frozen(bundle: Bundle) -> None:
    golden = read_golden_station(bundle)

    assert (golden.trigger.deadline_ms, golden.picture.frozen_after) == (None, None)
    assert golden.picture.roi is not None

    inspector = inspector_of(bundle, scores())
    verdicts = [inspect_golden_picture(bundle, "golden/cell.png", inspector).verdict for _ in range(3)]

    assert verdicts == [Verdict(Decision.OK, "good", 0.9)] * 3


def test_a_golden_picture_that_cannot_be_read_is_a_fault(bundle: Bundle) -> None:
    inspection = inspect_golden_picture(bundle, "golden/cell.jpg", inspector_of(bundle, scores()))

    assert (inspection.verdict.decision, inspection.verdict.reasons) == (Decision.FAULT, (Reason.UNREADABLE,))


def test_a_golden_picture_that_the_bundle_does_not_hold_is_refused(bundle: Bundle) -> None:
    inspector = inspector_of(bundle, scores())
    with pytest.raises(BundleError, match=r"its manifest does not list golden/other\.png"):
        inspect_golden_picture(bundle, "golden/other.png", inspector)
    (bundle.root / "golden/cell.png").unlink()
    with pytest.raises(BundleError, match=r"cell\.png is not there"):
        inspect_golden_picture(bundle, "golden/cell.png", inspector)


def test_another_describer_gets_the_picture_cropped_as_the_golden_station_crops_it(bundle: Bundle) -> None:
    describer = SeeingDescriber()

    found = describe_golden_picture(bundle, "golden/cell.png", golden_station=read_golden_station(bundle), describer=describer)

    assert found.words == description().words
    assert np.array_equal(describer.frames[0].pixels, gradient()[:, 32:, ::-1])  # png() holds it as RGB


def test_describing_a_golden_picture_that_cannot_be_read_is_refused(bundle: Bundle) -> None:
    with pytest.raises(PictureError, match=r"cell\.jpg"):
        describe_golden_picture(bundle, "golden/cell.jpg", golden_station=read_golden_station(bundle), describer=SeeingDescriber())


FOUR_LABELS = tuple(Label(name=name, decision="ok" if name == "good" else "ng") for name in ("good", "crack", "stain", "dark"))


def judged(verdict: Verdict, *probabilities: float) -> Inspection:
    names = tuple(label.name for label in FOUR_LABELS)
    return replace(FULL, verdict=verdict, scores=Scores(names, (-1.0,) * 4, probabilities, "rank", 10))


def test_the_probability_of_a_golden_verdict_is_that_of_its_decision_calibrated_or_not() -> None:
    unsure = judged(Verdict(Decision.REVIEW, "crack", None, (Reason.UNCALIBRATED,)), 0.4, 0.3, 0.2, 0.1)

    assert decision_probability(unsure, FOUR_LABELS) == pytest.approx(0.6)


NG_CRACK = judged(Verdict(Decision.NG, "crack", None), 0.4, 0.3, 0.2, 0.1)
GOLDEN = Golden(picture="golden/a.png", decision="NG", label="crack", probability=0.6, tolerance=0.02)


@pytest.mark.parametrize(
    ("inspection", "same"),
    [
        (NG_CRACK, True),
        (judged(NG_CRACK.verdict, 0.41, 0.3, 0.2, 0.09), True),
        (judged(NG_CRACK.verdict, 0.43, 0.3, 0.2, 0.07), False),
        (judged(Verdict(Decision.NG, "stain", None), 0.4, 0.3, 0.2, 0.1), False),
        (judged(Verdict(Decision.REVIEW, "crack", None), 0.4, 0.3, 0.2, 0.1), False),
        (replace(NG_CRACK, verdict=Verdict(Decision.FAULT, None, None, (Reason.JUDGE_FAILED,)), scores=None), False),
    ],
    ids=["equal", "within the tolerance", "beyond the tolerance", "another label", "another decision", "a fault"],
)
def test_a_golden_verdict_is_the_same_by_decision_label_and_probability(inspection: Inspection, *, same: bool) -> None:
    assert compare(GOLDEN, inspection, FOUR_LABELS).is_same is same


@pytest.mark.parametrize(
    ("expected", "decision", "label", "as_expected"),
    [
        (None, "NG", "crack", None),
        ("crack", "NG", "crack", True),
        ("good", "NG", "crack", False),
        ("good", "REVIEW", "good", False),
        ("unclear", "REVIEW", "unclear", True),
    ],
)
def test_as_expected_means_the_expected_label_and_its_decision(
    expected: str | None, decision: str, label: str, *, as_expected: bool | None
) -> None:
    golden = Golden.model_validate({"picture": "a.png", "expected": expected, "decision": decision, "label": label, "probability": 0.9})

    assert is_as_expected(golden, station().labels) is as_expected
