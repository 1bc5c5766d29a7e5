from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.inspection.open import open_inspectors
from export.bundle.build import build
from export.cache import Cache
from export.spec import read_spec
from export.teach.calibrate import FILE_NAME, fitted, guarantee
from export.teach.describe import Shown
from firmware_config.board import Board
from firmware_config.calibration import Calibration, bad_pictures_needed, write_calibration
from firmware_config.signed_bundle import SignedBundle
from firmware_config.station_template import read_template_station
from tests.support.calibrations import calibration
from tests.support.station_files import station_toml
from tests.support.tiny_spec import write_spec

BOARD = Board(name="test", providers=("cpu",), threads=1)
TEMPLATE = station_toml(
    "\n[describe]\ntags = 1\nattributes = 1\nsamples = 0\nmax_tokens = 2\n", labels={"good": "ok", "crack": "ng", "dent": "ng"}
)
CALIBRATED = f'{TEMPLATE}\n[judge]\ncalibration = "{FILE_NAME}"\n'
DEFECTS = ("crack", "dent")
"""All labels of the decision ng: a picture that is only known to be defective."""


def built(work: Path, template: str, calibration: Calibration | None = None) -> Bundle:
    spec = work / "spec/tiny.toml"
    if not spec.exists():
        write_spec(spec.parent)
        spec.write_text(spec.read_text().replace('golden = "golden"', 'golden = "golden"\nstation = "station.toml"'))
    (spec.parent / "station.toml").write_text(template)
    if calibration is not None:
        write_calibration(spec.parent / FILE_NAME, calibration)
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


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return built(tmp_path_factory.mktemp("built"), TEMPLATE)


def test_a_calibration_on_painted_defects_says_so_and_a_box_takes_it(tmp_path: Path) -> None:
    first = built(tmp_path, TEMPLATE)
    black = Shown(np.zeros((32, 32, 3), np.uint8), "a dark picture, which no box judges", ("crack",))
    made = fitted(
        first, [*pictures(4, "good"), *pictures(3, *DEFECTS, seed=1)],
        [*pictures(8, "good", seed=2), *pictures(50, "crack", seed=3), black], board=BOARD, report=lambda _: None,
    )  # fmt: skip

    assert isinstance(made, Calibration)
    assert (made.good, made.bad, made.rule.escape.rate) == (12, 53, 0.02)
    assert (made.figures["painted_good"], made.figures["painted_bad"]) == (8, 50)
    said = "calibrated on 3 real and 50 painted bad pictures, 4 real and 8 painted good ones: at most 2.0% of defective parts become OK, as"
    assert guarantee(made).startswith(f"{said} long as their defects are like the painted ones; measured: ")
    second = built(tmp_path, CALIBRATED, made)
    station, found = read_template_station(SignedBundle(second.root, second.manifest))
    assert found == made
    (inspector,) = open_inspectors(second, [station], board=BOARD)
    assert inspector.station.judge.calibration == second.root / "stations" / FILE_NAME


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
