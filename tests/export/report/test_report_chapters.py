"""What stands in single chapters of a report, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from export.findings.box import ReliabilityBin
from export.findings.scorers import Scorer
from export.report.compared import compared_values
from export.report.html import html
from export.report.overall import Range
from export.report.series import Chart, Series
from export.report.wording import Language, wording
from tests.support.piloted import findings


def chapter(name: str, folder: Path, language: Language) -> str:
    page = html(findings("go"), folder, language=language, cost=None)
    text = re.sub(r"<[^>]+>", " ", page[page.index(f'id="{name}"') :].split("</section>", 1)[0])
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ("Copies of other pictures, byte for byte: 3;", "Shift from mono to late: left out, both hold the same pictures")),
        ("ja", ("ほかの画像とバイト単位で同じ画像：3 枚。", "mono から late への変化は省きました：両方に同じ画像があります")),
    ],
)
def test_remarks_are_in_the_language_of_the_report(tmp_path: Path, language: Language, sentences: tuple[str, ...]) -> None:
    said = chapter("remarks", tmp_path, language)

    assert [one for one in sentences if one not in said] == []


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "its blocks cannot be split into two halves"), ("ja", "両方を含む二つに分けられないため")]
)
def test_few_shot_names_the_target_that_cannot_give_labels(tmp_path: Path, language: Language, sentence: str) -> None:
    assert sentence in chapter("compared", tmp_path, language)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_changes_of_one_strength_stand_beside_the_unchanged_pictures(tmp_path: Path, language: Language) -> None:
    words = wording(language)
    said = chapter("compared", tmp_path, language)
    heading = said[said.index(words.words["single_conditions"]) :]

    assert heading.index(words.words["unchanged"]) < heading.index(f"{words.conditions['defocus'].name} 1.5")
    assert f"{words.conditions['noise'].name} 10" in heading
    assert words.conditions["exposure"].name not in heading


@pytest.mark.parametrize("language", ["en", "ja"])
def test_pseudo_labels_are_told_by_method(tmp_path: Path, language: Language) -> None:
    words = wording(language)
    said = chapter("compared", tmp_path, language)

    assert f"{words.scorers['tuned'].name} 1 60 % 93 %" in said
    assert f"{words.scorers['vision_probe'].name} 1 60 % 71 %" in said


def test_labels_for_equal_quality_stand_for_both_figures(tmp_path: Path) -> None:
    said = chapter("equal", tmp_path, "en")

    assert "for equal AUROC the box: 0.910 for equal macro-F1 the box: 0.840" in said
    assert "linear probe on ImageNet features 16 not reached" in said


def test_confidence_before_and_after_a_calibration(tmp_path: Path) -> None:
    assert "0.317 0.030 0.020" in chapter("trust", tmp_path, "en")


def test_a_line_of_reliability_never_runs_back() -> None:
    reliability = compared_values(findings("go"), wording("en"))["reliability"]
    bins = [
        ReliabilityBin(low=0.0, high=0.5, pictures=1, probability=0.4, defective=0.0),
        ReliabilityBin(low=0.5, high=1.0, pictures=2, probability=0.3, defective=0.5),
        ReliabilityBin(low=0.5, high=1.0, pictures=0, probability=0.9, defective=0.0),
    ]

    assert reliability(bins) == ((0.3, 0.5), (0.4, 0.0))


def test_methods_with_a_single_point_leave_room_for_those_with_a_line() -> None:
    point, line = (Range(0.5, 0.5, 0.5), None), (Range(0.5, 0.5, 0.5), Range(0.6, 0.6, 0.6))
    judges: tuple[Scorer, ...] = (
        "zero_shot_rank",
        "zero_shot_rank_mean",
        "zero_shot_rank_calibrated",
        "zero_shot_generate",
        "tuned",
        "tuned_generate",
        "box",
    )
    series = (*(Series(one, point) for one in judges), Series("shuffled", point), Series("measure_trees", line))
    words = wording("en")

    drawn = str(compared_values(findings("go"), words)["draw"](Chart((0.0, 1.0), series), "labels", "AUROC"))

    assert words.scorers["measure_trees"].name in drawn
