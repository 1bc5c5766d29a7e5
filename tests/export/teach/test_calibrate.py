from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.cli import main as edge
from edge.describers import open_vision_models
from edge.judges.language_model import Vocabulary
from edge.message import decode
from edge.picture.decode import read_picture
from edge.picture.health import HealthCheck
from edge.records import Frame
from export.bundle.build import build
from export.cache import Cache
from export.spec import read_spec
from export.teach.bundle import gather
from export.teach.calibrate import FILE_NAME, calibration_of, fitted, guarantee
from export.teach.describe import Shown
from export.teach.judge_stages import JudgeStages, unsigned_bundle
from export.teach.memory import TaughtMemory
from export.teach.plan import Plan, check
from export.teach.spec import read_teach_spec
from export.teach.stages import Stages
from export.teach.template import instruction
from export.tuning.tune import Tuner
from firmware_config.board import Board
from firmware_config.calibration import Calibration, bad_pictures_needed
from firmware_config.cli import main as config
from firmware_config.station import Picture, read_station
from tests.support.calibrations import calibration
from tests.support.station_files import station_toml
from tests.support.teaching import SPEC, write_pictures, write_teaching
from tests.support.tiny_llama import write_llama
from tests.support.tiny_spec import write_spec

BOARD = Board(name="test", providers=("cpu",), threads=1)
TEMPLATE = station_toml(
    "\n[describe]\ntags = 1\nattributes = 1\nsamples = 0\nmax_tokens = 2\n", labels={"good": "ok", "crack": "ng", "dent": "ng"}
)
DEFECTS = ("crack", "dent")
"""All labels of the decision ng: a picture that is only known to be defective."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose station template has no calibration."""
    work = tmp_path_factory.mktemp("built")
    spec = write_spec(work / "spec")
    spec.write_text(spec.read_text().replace('golden = "golden"', 'golden = "golden"\nstation = "station.toml"'))
    (spec.parent / "station.toml").write_text(TEMPLATE)
    made = build(
        read_spec(spec), out=work / "bundle", key=work / "keys/builder.key", cache=Cache(work / "cache"), archive=False, board=BOARD,
        report=lambda _: None,
    )  # fmt: skip
    return open_trusted_bundle(made.root, keys=work / "keys")


def pictures(count: int, *allowed: str, seed: int = 0) -> list[Shown]:
    rng = np.random.default_rng(seed)
    return [Shown(rng.integers(0, 256, (32, 32, 3), np.uint8), "the same name", allowed) for _ in range(count)]


def nothing_to_paint() -> Iterator[Shown]:
    pytest.fail("pictures were painted although there are enough real ones")
    yield


def test_a_calibration_on_painted_defects_says_so(bundle: Bundle) -> None:
    black = Shown(np.zeros((32, 32, 3), np.uint8), "a dark picture, which no box judges", ("crack",))
    made = fitted(
        bundle, [*pictures(4, "good"), *pictures(3, *DEFECTS, seed=1)],
        [*pictures(8, "good", seed=2), *pictures(50, "crack", seed=3), black], board=BOARD, report=lambda _: None,
    )  # fmt: skip

    assert isinstance(made, Calibration)
    assert (made.good, made.bad, made.rule.escape.rate) == (12, 53, 0.02)
    assert (made.figures["painted_good"], made.figures["painted_bad"]) == (8, 50)
    said = "calibrated on 3 real and 50 painted bad pictures, 4 real and 8 painted good ones: at most 2.0% of defective parts become OK, as"
    assert guarantee(made).startswith(f"{said} long as their defects are like the painted ones; measured: ")


def test_where_enough_real_pictures_are_labelled_only_they_count(bundle: Bundle) -> None:
    real = [*pictures(10, "good"), *pictures(bad_pictures_needed(0.02), *DEFECTS, seed=1)]
    made = fitted(bundle, real, nothing_to_paint(), board=BOARD, report=lambda _: None)
    assert isinstance(made, Calibration)
    assert (made.good, made.bad, made.figures["painted_bad"]) == (10, 49, 0)
    assert guarantee(made).startswith("calibrated on 10 good and 49 bad real pictures: at most 2.0% of defective parts become OK, as long")


def test_too_few_pictures_give_no_calibration_but_a_sentence(bundle: Bundle) -> None:
    made = fitted(bundle, pictures(4, "good"), pictures(20, "crack", seed=1), board=BOARD, report=lambda _: None)
    assert made == (
        "no calibration: 4 good and 20 bad check pictures could be judged, and it takes 10 of each: give more pictures, or calibrate a "
        "station with `kotoba-edge calibrate`"
    )


def test_a_guarantee_tells_what_was_measured() -> None:
    figures = {"escape": 0.0123, "passed": 0.75, "painted_good": 60, "painted_bad": 60}
    said = guarantee(calibration().model_copy(update={"figures": figures}))
    assert said.startswith("calibrated on 60 painted bad pictures, 0 real and 60 painted good ones: ")
    assert "measured: 1.2% of the bad and 75.0% of the good pictures are OK; for real defects calibrate with 49 real bad pictures" in said


def taught(folder: Path, good: int) -> tuple[Plan, Path, Path]:
    """The plan of a small product, an eye and judges that learned nothing."""
    spec = write_teaching(folder, spec=SPEC + '\n[llm]\npath = "tiny/model.gguf"\nquantisation = "Q4_0"\n')
    write_pictures(folder / "good", good)
    eye = write_spec(folder / "tiny").parent / "artefacts"
    models = json.loads((eye / "models.json").read_text())
    models["clip"]["threshold"] = 0.0
    (eye / "models.json").write_text(json.dumps(models))
    write_llama(folder / "tiny/model.gguf")  # without a chat template
    plan = check(*read_teach_spec(spec), near=folder, report=lambda _: None)
    for part in ("adapters", "judges", "templates"):
        (folder / "taught" / part).mkdir(parents=True)
    template = instruction(plan)
    (folder / "taught/templates/default.txt").write_text(template)
    (folder / "taught/temperatures.json").write_text('[{"adapter": "bolts", "template": "default", "temperature": 1.0}]')
    tuner = Tuner(plan.llm, vocabulary=Vocabulary.of_file(plan.llm), template=template, labels=plan.labels)
    tuner.write(folder / "taught/adapters/bolts.gguf")
    return plan, eye, folder / "taught"


@pytest.mark.long
def test_stations_of_a_taught_bundle_take_its_calibration(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plan, eye, judges = taught(tmp_path, 25)
    key, quiet = tmp_path / "keys/builder.key", lambda _: None
    stages = Stages(Cache(tmp_path / "cache"), report=quiet)
    judge = JudgeStages(plan, eye, stages=stages, board=BOARD, report=quiet)
    path, said = calibration_of(plan, eye=eye, judge=judge, judges=judges, key=key, stages=stages, board=BOARD, report=quiet)
    assert said.startswith("calibrated on ")
    assert "5 real and " in said
    spec = gather(tmp_path / "parts", plan, eye=eye, memory=judge.memory(), judges=judges, calibration=path)
    made = build(spec, out=tmp_path / "bundle", key=key, cache=stages.cache, archive=False, board=BOARD, report=quiet)

    bundle, station = ("--bundle", str(made.root), "--keys", str(key.parent)), tmp_path / "cell.toml"
    answers = ("--camera", str(tmp_path / "good"), "--path", "plant/line1", "--broker", "none", "--out", str(station))
    assert config(["new", "cell-01", *bundle, *answers]) == 0
    assert read_station(station).judge.calibration == made.root / "stations" / FILE_NAME
    assert edge(["inspect", str(plan.domains[0].held_out[0]), "--station", str(station), *bundle]) == 0
    (line,) = capfd.readouterr().out.splitlines()[-1:]
    scores = decode(line.encode()).scores
    assert scores is not None
    assert scores.calibrated


@pytest.mark.long
def test_too_few_good_pictures_for_a_memory_without_the_held_out_ones_give_no_calibration(tmp_path: Path) -> None:
    plan, eye, judges = taught(tmp_path, 24)
    stages = Stages(Cache(tmp_path / "cache"), report=lambda _: None)
    judge = JudgeStages(plan, eye, stages=stages, board=BOARD, report=lambda _: None)
    made = calibration_of(
        plan, eye=eye, judge=judge, judges=judges, key=tmp_path / "key", stages=stages, board=BOARD, report=lambda _: None
    )  # fmt: skip
    why = "19 good pictures are not held out, and a memory of what is good takes 20: give more pictures, or calibrate a station"
    assert made == (None, f"no calibration: {why} with `kotoba-edge calibrate`")


def test_a_specification_may_leave_the_calibration_out(tmp_path: Path) -> None:
    plan, eye, judges = taught(tmp_path, 25)
    without = replace(plan, spec=plan.spec.model_copy(update={"calibrated": False}))
    stages = Stages(Cache(tmp_path / "cache"), report=lambda _: None)
    judge = JudgeStages(without, eye, stages=stages, board=BOARD, report=lambda _: None)
    made = calibration_of(
        without, eye=eye, judge=judge, judges=judges, key=tmp_path / "key", stages=stages, board=BOARD, report=lambda _: None
    )  # fmt: skip
    assert made == (None, "no calibration, as the specification says: calibrate each station with `kotoba-edge calibrate`")


@pytest.mark.long
def test_a_labelled_picture_that_is_darker_than_every_good_one_is_healthy(tmp_path: Path) -> None:
    plan, eye, _ = taught(tmp_path, 25)
    dark = tmp_path / "dark.png"
    dark.write_bytes(cv2.imencode(".png", np.rint(read_picture(plan.domains[0].paths[0]) * 0.5).astype(np.uint8))[1].tobytes())
    vision = open_vision_models(unsigned_bundle(eye), board=BOARD)
    found = []
    for name, labelled in (("good alone", ()), ("all", (dark,))):
        (tmp_path / name).mkdir()
        TaughtMemory(vision, measuring=False).write(plan.domains[0].paths, (), tmp_path / name, labelled=labelled)
        found.append(Picture(**json.loads((tmp_path / name / "limits.json").read_text())))
    frame = Frame(read_picture(dark), datetime.now(timezone.utc), 0, "cell", 1, "dark.png")
    troubles = [HealthCheck(limits).trouble(frame) for limits in found]
    assert troubles[0] is not None
    assert troubles[1] is None
