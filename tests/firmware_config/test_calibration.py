from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firmware_config.calibration import FittedFor, read_calibration, write_calibration
from firmware_config.cli import main
from firmware_config.errors import CalibrationError
from tests.support.calibrations import FITTED_FOR, RULE, calibration

OTHER = "sha256:" + "3" * 64


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = calibration(scale={"kind": "isotonic", "points": [(0.0, 0.1), (0.123456789012345, 0.3), (1.0, 0.9)]})
    write_calibration(tmp_path / "cell.json", written)
    assert read_calibration(tmp_path / "cell.json") == written
    assert read_calibration(tmp_path / "cell.json").digest == written.digest


def test_its_digest_tells_calibrations_apart() -> None:
    assert calibration().digest == calibration().digest
    assert calibration().digest != calibration(escape={"rate": 0.02, "min_ok_confidence": None}).digest


def test_a_calibration_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_calibration(tmp_path / "cell.json", calibration())
    assert main(["check", "--kind", "calibration", str(tmp_path / "cell.json")]) == 0
    assert "calibration logistic" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("{", "", "it is not JSON"),
        ('"kotoba.calibration/1"', '"kotoba.calibration/2"', "schema"),
        ('"kind": "logistic"', '"kind": "guess"', "rule.scale"),
        ('"slope": 1.0', '"slope": -1.0', "rule.scale.logistic.slope"),
        ('"slope": 1.0', '"slope": NaN', "it holds NaN"),
        ('"threshold": 0.3', '"threshold": 1.5', "rule.conformal.threshold"),
        ('"good": "ok"', '"good": "ng"', "fitted_for.labels must hold at least one label that is ok and one that is not"),
        ('"models": "sha256:', '"models": "md5:', "fitted_for.models"),
        ('"bad": 60', '"bad": 60, "mood": 1', "mood"),
    ],
)
def test_a_wrong_calibration_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "cell.json"
    write_calibration(path, calibration())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CalibrationError) as caught:
        read_calibration(path)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


FALLING, STANDING = [(0, 0.1), (0.5, 0.05), (1, 0.9)], [(0, 0.1), (0, 0.2), (1, 0.9)]
LATE, SHORT = [(0.1, 0.1), (1, 0.9)], [(0, 0.1), (0.9, 0.9)]


@pytest.mark.parametrize("points", [FALLING, STANDING, LATE, SHORT])
def test_points_that_do_not_rise_from_0_to_1_are_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="points must rise"):
        calibration(scale={"kind": "isotonic", "points": points})


def test_a_calibration_fits_the_judge_that_it_was_fitted_for() -> None:
    calibration().require_fitted_for(FittedFor.model_validate(FITTED_FOR), path=Path("cell.json"))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"models": OTHER}, "models sha256:5"),
        ({"prompt": OTHER}, "instruction sha256:1"),
        ({"adapter": None}, "adapter or linear judge sha256:2"),
        ({"method": "generate"}, "method rank, but the station judges with generate:"),
        ({"describing": OTHER}, r"words by [describe] and roi sha256:4"),
        ({"labels": {"good": "ok", "crack": "ng"}}, "labels good (ok), crack (ng), unclear (review), but"),
        ({"labels": {"good": "ok", "crack": "ng", "unclear": "ng"}}, "labels good (ok), crack (ng), unclear (review), but"),
        ({"labels": {"crack": "ng", "good": "ok", "unclear": "review"}}, "labels good (ok), crack (ng), unclear (review), but"),
    ],
)
def test_a_calibration_for_another_judge_is_refused(other: dict[str, Any], named: str) -> None:
    judge = FittedFor.model_validate({**FITTED_FOR, **other})
    with pytest.raises(CalibrationError) as caught:
        calibration().require_fitted_for(judge, path=Path("cell.json"))
    assert str(caught.value).startswith(f"calibration cell.json was fitted for {named}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="No such file or directory"):
        read_calibration(tmp_path / "cell.json")
    with pytest.raises(CalibrationError, match="cannot be written"):
        write_calibration(tmp_path / "nowhere" / "cell.json", calibration())


def test_the_sample_names_every_part() -> None:
    assert set(FITTED_FOR) == set(type(calibration().fitted_for).model_fields)
    assert set(RULE) == set(type(calibration().rule).model_fields)
