"""A station with a linear judge: its stored verdicts are explained, reproduced, compared, calibrated and taught as any others."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge.cli import main
from edge.judges.lessons import active_lessons, read_lessons
from edge.records import Inspection
from edge.review.rejudge import Rejudger
from firmware_config.calibration import read_calibration
from firmware_config.cli import main as config
from firmware_config.station import read_station
from tests.support.inspections import FULL
from tests.support.judged_words import STATION, box, bundle, bundle_options, description, judging_options, verdict, write_lines


@pytest.fixture
def station(tmp_path: Path) -> Path:
    path = tmp_path / "linear.toml"
    path.write_text(f'{STATION}method = "linear"\nlinear = "words"\nlessons = "{tmp_path / "lessons.jsonl"}"\n')
    return path


def linear_verdict(station: Path, number: int) -> Inspection:
    """A stored inspection as the station makes it, without a language model."""
    own = read_station(station).with_judge({"lessons": None})
    judged = Rejudger(None, bundle=bundle(), station=own)
    scores, decided = judged.judge(description(number))
    return replace(
        FULL, id=f"{number:04}{'cd' * 14}", station="cell-01", source=f"part-{number}.png", verdict=decided,
        description=description(number), scores=scores, bundle=bundle().digest, models_digest=bundle().manifest.models_digest,
        station_digest=own.digest, settings_digest=own.settings_digest, detail=None,
    )  # fmt: skip


@pytest.fixture
def lines(station: Path) -> Path:
    station.with_name("lessons.jsonl").touch()
    return write_lines(station.with_name("lines.jsonl"), [linear_verdict(station, number) for number in range(1, 41)])


def options(station: Path, lines: Path) -> list[str]:
    return ["--jsonl", str(lines), "--station", str(station), *bundle_options()]


def test_stored_verdicts_are_reproduced_to_the_last_bit(station: Path, lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--all", *options(station, lines)]) == 0
    assert ": 40 equal" in capsys.readouterr().out


def test_an_explanation_shows_the_weights_and_they_add_up(station: Path, lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "0001", *options(station, lines), "--json"]) == 0
    explained = json.loads(capsys.readouterr().out)
    weights, judge = explained["weights"], explained["inspection"]["judge"]
    label, rival = (judge["log_likelihoods"][weights[name]] for name in ("label", "rival"))
    assert weights["intercept"] + sum(weights["terms"].values()) == pytest.approx(label - rival, abs=1e-9)
    assert set(weights["terms"]) == {"tags", "cell", "dark"}
    assert (explained["noise"], judge["method"], judge["prompt"]) == (0.0, "linear", None)


@pytest.mark.parametrize(("language", "text"), [("en", "the linear judge's weights for"), ("ja", "線形判定器の重み")])
def test_the_weights_are_told_in_the_language_of_the_operator(
    station: Path, lines: Path, language: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "0001", *options(station, lines), "--language", language]) == 0
    printed = capsys.readouterr().out
    assert text in printed
    assert "  dark\n" in printed


def test_a_language_model_has_no_weights_to_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = write_lines(tmp_path / "lines.jsonl", [verdict(1)])
    assert main(["explain", "0001", "--jsonl", str(stored), *judging_options(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] is None


def test_stored_verdicts_of_a_language_model_are_compared_with_those_of_a_linear_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored, out = write_lines(tmp_path / "lines.jsonl", [verdict(1), verdict(2)]), tmp_path / "new.jsonl"
    arguments = ["--jsonl", str(stored), *judging_options(), "--method", "linear", "--linear", "words", "--out", str(out)]
    assert main(["rejudge", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 stored descriptions judged")
    assert {json.loads(line)["judge"]["method"] for line in out.read_text().splitlines()} == {"linear"}


def test_a_linear_judge_is_taught_by_calibration_pictures_and_never_by_examples(
    station: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teach = ["learn", "correct", "0001", "--label", "good", "--by", "Sato", *options(station, lines)]
    assert main(teach) == 1
    assert "a linear judge reads no examples: teach it with `--as calibration`" in capsys.readouterr().err
    assert main([*teach, "--as", "calibration"]) == 0
    (lesson,) = active_lessons(read_lessons(station.with_name("lessons.jsonl")))
    assert (lesson.kind, lesson.prompt) == ("calibration", None)


def test_a_station_with_a_linear_judge_is_calibrated(station: Path, lines: Path, tmp_path: Path) -> None:
    with (tmp_path / "labels.csv").open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(["source", "label"])
        rows.writerows([f"part-{number}.png", "good" if number % 2 else "ng"] for number in range(1, 41))
    calibration = tmp_path / "cell.json"
    arguments = [str(lines), "--labels", str(tmp_path / "labels.csv"), "--station", str(station), "--out", str(calibration)]

    assert main(["calibrate", *arguments, *bundle_options()[:4]]) == 0

    fitted = read_calibration(calibration).fitted_for
    assert (fitted.method, fitted.prompt) == ("linear", None)
    station.write_text(f'{station.read_text()}calibration = "{calibration}"\n')
    assert config(["check", str(station), "--bundle", f"{box() / 'bundle'}", "--keys", f"{box() / 'keys'}"]) == 0


def test_a_check_says_which_linear_judges_a_bundle_has(station: Path, lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines.exists()
    checked = ["check", str(station), "--bundle", f"{box() / 'bundle'}", "--keys", f"{box() / 'keys'}"]
    assert config(checked) == 0
    assert "warning" not in capsys.readouterr().err  # the bundle has its temperature, and no adapter is missed
    station.write_text(station.read_text().replace('linear = "words"', 'linear = "other"'))
    assert config(checked) == 78
    assert "needs linear judge 'other', bundle tiny has words" in capsys.readouterr().err
    station.write_text(station.read_text().replace('linear = "other"\n', ""))
    assert config(checked) == 78
    assert 'method = "linear" needs `linear`' in capsys.readouterr().err


@pytest.mark.parametrize(("language", "text"), [("en", "decided by the rule: lines pass"), ("ja", "判定に使われたルール: lines pass")])
def test_a_verdict_by_a_rule_is_explained_and_reproduced(
    station: Path, tmp_path: Path, language: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = '\n[[rules]]\nname = "lines pass"\nwhen = ["a line"]\ndecision = "ok"\n'
    station.write_text(station.read_text().replace(f'lessons = "{tmp_path / "lessons.jsonl"}"\n', "") + rule)
    stored = linear_verdict(station, 1)
    lines = write_lines(tmp_path / "lines.jsonl", [stored])

    assert stored.verdict.decision.value == "OK"
    assert main(["reproduce", "--all", *options(station, lines)]) == 0
    assert main(["explain", "0001", *options(station, lines), "--language", language]) == 0
    assert text in capsys.readouterr().out
