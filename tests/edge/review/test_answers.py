from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import AnswerError
from edge.records import Decision
from edge.review.answers import Answer, AnswersFile

NOW = datetime(2026, 5, 4, 8, tzinfo=timezone.utc)


def answer(inspection: str = "a1", label: str = "crack", note: str = "") -> Answer:
    return Answer(
        inspection=inspection,
        station="cell-01",
        epoch="e",
        seq=7,
        source="part.png",
        decision=Decision.REVIEW,
        verdict_label=None,
        label=label,
        by="Sato",
        at=NOW,
        note=note,
    )


def opened(folder: Path) -> AnswersFile:
    answers = AnswersFile(folder / "answers.jsonl", like=folder)
    answers.read()
    return answers


def test_an_answer_is_there_for_the_next_who_reads(tmp_path: Path) -> None:
    assert opened(tmp_path).keep(answer(note="a hairline"))

    (kept,) = opened(tmp_path).of("a1")
    assert kept == answer(note="a hairline")
    assert (tmp_path / "answers.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_same_label_again_is_one_answer_and_another_label_replaces_it_with_its_history(tmp_path: Path) -> None:
    answers = opened(tmp_path)
    assert [answers.keep(answer(label=label)) for label in ("crack", "crack", "good", "good", "crack")] == [True, False, True, False, True]

    assert [one.label for one in opened(tmp_path).of("a1")] == ["crack", "good", "crack"]


def test_two_who_answer_at_the_same_time_see_each_other(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    assert first.keep(answer("a1"))
    assert not second.keep(answer("a1"))
    assert second.keep(answer("a2"))
    assert not first.keep(answer("a2"))

    assert len((tmp_path / "answers.jsonl").read_bytes().splitlines()) == 2


@given(st.data())
def test_a_line_that_breaks_off_was_never_acknowledged_and_the_next_answer_replaces_it(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("answers")
    opened(folder).keep(answer("a1"))
    path = folder / "answers.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert [one.label for one in opened(folder).of("a1")] == ["crack"]

    assert opened(folder).keep(answer("a2"))

    assert [json.loads(line)["inspection"] for line in path.read_bytes().splitlines()] == ["a1", "a2"]


def test_a_line_that_is_no_answer_is_named(tmp_path: Path) -> None:
    opened(tmp_path).keep(answer())
    with (tmp_path / "answers.jsonl").open("ab") as file:
        file.write(b'{"label": "crack"}\n')
    with pytest.raises(AnswerError, match=r"answers .*answers.jsonl, line 2: .*: restore a copy of the file"):
        opened(tmp_path)


def test_a_disk_that_takes_nothing_leaves_no_half_answer(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").symlink_to("/dev/full")
    with pytest.raises(AnswerError, match=r"keeping an answer in .*: make room, or work as the user of the daemon"):
        AnswersFile(tmp_path / "answers.jsonl", like=tmp_path).keep(answer())


def test_a_folder_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AnswerError, match="its folder is missing: give the spool of a box that has run"):
        AnswersFile(tmp_path / "gone" / "answers.jsonl", like=tmp_path).keep(answer())
