"""The box as one more appraiser."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.message import encode
from edge.records import Decision
from export.agreement.box import with_box
from export.agreement.errors import RatingsError
from export.agreement.ratings import Appraiser, Study
from tests.support.inspections import FULL

PARTS = ("bad/1.png", "good/2.png", "good/3.png", "good/4.png")
STUDY = Study(PARTS, np.array([True, False, False, False]), (Appraiser("A", np.zeros((4, 2), np.bool_)),))


def verdicts(folder: Path, lines: Iterable[tuple[str, str | None, Decision]]) -> Path:
    path = folder / "verdicts.jsonl"
    made = [
        replace(FULL, source=source, part_id=part, verdict=replace(FULL.verdict, decision=decision, label=None, confidence=None))
        for source, part, decision in lines
    ]
    path.write_bytes(b"".join(encode(one) + b"\n" for one in made))
    return path


def test_a_verdict_belongs_to_the_part_of_its_id_its_path_or_its_file_name(tmp_path: Path) -> None:
    path = verdicts(
        tmp_path,
        [
            ("4.png", "bad/1.png", Decision.NG),
            ("good/2.png", None, Decision.OK),
            ("3.png", "unknown", Decision.REVIEW),
            ("4.png", None, Decision.FAULT),
            ("5.png", None, Decision.OK),
        ],
    )

    study, counts = with_box(STUDY, path)

    assert [one.name for one in study.appraisers] == ["A", "box"]
    # REVIEW and FAULT stop a part as NG does.
    assert study.appraisers[-1].answers.tolist() == [[True], [False], [True], [True]]
    assert study.appraisers[-1].is_box
    assert (counts.ok, counts.ng, counts.review, counts.fault, counts.of_other_parts) == (1, 1, 1, 1, 1)


def test_several_verdicts_about_a_part_are_trials(tmp_path: Path) -> None:
    path = verdicts(tmp_path, [(part, None, decision) for decision in (Decision.OK, Decision.NG) for part in PARTS])

    assert with_box(STUDY, path)[0].appraisers[-1].answers.tolist() == [[False, True]] * 4


def test_verdicts_that_do_not_fit_the_study_are_refused(tmp_path: Path) -> None:
    once = [(part, None, Decision.OK) for part in PARTS]

    with pytest.raises(RatingsError, match=r"1 of 4 parts have none, the first is 'good/4\.png': inspect them too"):
        with_box(STUDY, verdicts(tmp_path, once[:3]))
    with pytest.raises(RatingsError, match=r"has 1 and 'bad/1\.png' has 2: keep as many of each part"):
        with_box(STUDY, verdicts(tmp_path, [*once, once[0]]))
    with pytest.raises(RatingsError, match="'box' has 3 trials and 'A' has 2"):
        with_box(STUDY, verdicts(tmp_path, once * 3))
    with pytest.raises(RatingsError, match="No such file or directory"):
        with_box(STUDY, tmp_path / "none.jsonl")
    (tmp_path / "broken.jsonl").write_bytes(encode(FULL) + b"\n{}\n")
    with pytest.raises(RatingsError, match="line 2: decoding an inspection"):
        with_box(STUDY, tmp_path / "broken.jsonl")


def test_a_file_name_that_two_parts_have_is_never_guessed(tmp_path: Path) -> None:
    study = Study(("a/1.png", "b/1.png"), None, (Appraiser("A", np.zeros((2, 1), np.bool_)),))

    with pytest.raises(RatingsError, match=r"'1\.png' may be 'a/1\.png' or 'b/1\.png'"):
        with_box(study, verdicts(tmp_path, [("1.png", None, Decision.OK)] * 2))


def test_no_person_is_called_box(tmp_path: Path) -> None:
    study = Study(PARTS, None, (Appraiser("box", np.zeros((4, 1), np.bool_)),))

    with pytest.raises(RatingsError, match="an appraiser is called 'box' already"):
        with_box(study, tmp_path / "verdicts.jsonl")
