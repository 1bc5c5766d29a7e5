from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.errors import BundleError, LessonError
from edge.inspection.policy import fault
from edge.judges import open_station_judge
from edge.judges.lessons import active_lessons, read_lessons
from edge.records import Decision, Reason, Verdict
from edge.review.rejudge import Rejudger
from edge.review.teach import Golden, compare
from firmware_config.station import Station, read_station
from tests.support.judged_words import STATION, TEMPLATE, bundle, bundle_options, description, model, station, verdict, write_lines

OK_GOOD, NG_BAD, NG_WORSE = Verdict(Decision.OK, "good", 0.9), Verdict(Decision.NG, "bad", 0.9), Verdict(Decision.NG, "worse", 0.9)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder with three stored verdicts and a station whose lessons file does not exist yet."""
    write_lines(tmp_path / "lines.jsonl", [verdict(number) for number in (1, 2, 3)])
    (tmp_path / "station.toml").write_text(f'{STATION}lessons = "{tmp_path / "lessons.jsonl"}"\n')
    return tmp_path


def learn(box: Path, *arguments: str) -> int:
    verb = arguments[0]
    stored = ["--jsonl", str(box / "lines.jsonl")] if verb == "correct" else []
    who = ["--by", "Sato"] if verb in {"correct", "undo"} else []
    models = bundle_options() if verb in {"correct", "calibration-pictures"} else []
    return main(["learn", *arguments, "--station", str(box / "station.toml"), *stored, *who, *models])


def instruction_digest(box: Path) -> str:
    judge = open_station_judge(model(), bundle=bundle(), station=read_station(box / "station.toml"))
    return str(judge.score(description(1).words).prompt)


def test_a_corrected_verdict_becomes_an_example_in_the_instruction_of_the_station(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert learn(box, "correct", "0001", "--label", "bad", "--why", "a hairline at the edge") == 0
    assert "golden verdicts: 2 judged with and without it, none worse" in capsys.readouterr().out
    (lesson,) = active_lessons(read_lessons(box / "lessons.jsonl"))
    assert (lesson.number, lesson.kind, lesson.by, lesson.why) == (1, "example", "Sato", "a hairline at the edge")
    assert (lesson.inspection, lesson.label, lesson.golden) == (verdict(1).id, "bad", 2)
    assert lesson.prompt == instruction_digest(box)
    assert lesson.prompt != verdict(1).scores.prompt  # type: ignore[union-attr]


def test_an_undone_lesson_no_longer_counts_and_stays_in_the_file(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert learn(box, "correct", "0001", "--label", "bad") == 0
    assert learn(box, "undo", "1", "--why", "it was a shadow") == 0
    assert instruction_digest(box) == verdict(1).scores.prompt  # type: ignore[union-attr]
    capsys.readouterr()
    assert learn(box, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("Sato: example, undone: part-1.png is 'bad', its verdict was 'bad'")
    assert lines[1].endswith("Sato: lesson 1 undone (it was a shadow)")
    assert lines[2] == f"0 of 1 lessons count in {box / 'lessons.jsonl'}"
    assert learn(box, "undo", "1") == 1
    assert "it does not count (no lesson counts)" in capsys.readouterr().err


def test_calibration_pictures_are_judged_again_and_written_as_calibrate_reads_them(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, label in (("0001", "good"), ("0002", "bad")):
        assert learn(box, "correct", number, "--label", label, "--as", "calibration") == 0
    assert instruction_digest(box) == verdict(1).scores.prompt  # type: ignore[union-attr]
    assert learn(box, "calibration-pictures", "--out", str(box / "pictures.jsonl"), "--labels", str(box / "labels.csv")) == 0
    ids = [verdict(number).id for number in (1, 2)]
    assert (box / "labels.csv").read_text() == f"source,label\n{ids[0]},good\n{ids[1]},bad\n"
    lines = [json.loads(line) for line in (box / "pictures.jsonl").read_text().splitlines()]
    assert [line["source"] for line in lines] == ids
    scores = verdict(1).scores
    assert scores is not None
    assert list(lines[0]["judge"]["log_likelihoods"].values()) == list(scores.log_likelihoods)
    assert "2 calibration pictures for `kotoba-edge calibrate" in capsys.readouterr().out


def test_an_example_that_makes_an_earlier_confirmed_verdict_worse_is_refused_by_name(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = STATION.replace('"bad"', '"goad"').replace('"worse"', '"gold"')
    (box / "station.toml").write_text(f'{text}lessons = "{box / "lessons.jsonl"}"\n')
    plain = read_station(box / "station.toml").with_judge({"lessons": None})
    taught_number, label, harmed, right = flip(plain)
    write_lines(box / "lines.jsonl", [verdict(taught_number), verdict(harmed)])
    assert learn(box, "correct", verdict(harmed).id, "--label", right, "--as", "calibration") == 0
    before = (box / "lessons.jsonl").read_bytes()
    assert learn(box, "correct", verdict(taught_number).id, "--label", label) == 1
    was = f"was {'OK' if right == 'good' else 'NG'} {right!r}"
    assert f"1 of 1 golden verdicts would get worse, lesson 1 should be {right!r}, {was}, would be " in capsys.readouterr().err
    assert (box / "lessons.jsonl").read_bytes() == before


def flip(of: Station) -> tuple[int, str, int, str]:
    """An example that changes the verdict on other words: its number and label, the other number and its label without the example."""
    plain = Rejudger(model(), bundle=bundle(), station=of, examples=())
    labels = {number: plain.judge(description(number))[1].label for number in range(8)}
    for number, label in product(range(8), of.labels):
        after = Rejudger(model(), bundle=bundle(), station=of, examples=[(description(number).words, label.name)])
        for other in labels.keys() - {number}:
            if after.judge(description(other))[1].label != labels[other]:
                return number, label.name, other, str(labels[other])
    pytest.skip("no example changes a verdict of this model of random weights on this CPU")


def test_getting_worse_is_a_wrong_decision_or_a_wrong_label() -> None:
    labels = station().labels
    golden = [Golden(f"g{number}", description(number), "bad") for number in range(5)]
    before = [NG_BAD, NG_BAD, NG_WORSE, OK_GOOD, fault(Reason.JUDGE_FAILED)]
    worse, better = compare(golden, before, [OK_GOOD, NG_WORSE, NG_BAD, OK_GOOD, NG_WORSE], labels)
    assert [phrase.split()[0] for phrase in worse] == ["g0", "g1"]
    assert [phrase.split()[0] for phrase in better] == ["g2", "g4"]


def test_a_review_is_better_than_a_wrong_decision_and_worse_than_the_right_one() -> None:
    review = Verdict(Decision.REVIEW, "bad", 0.4, (Reason.LOW_CONFIDENCE,))
    golden = [Golden(f"g{number}", description(number), "bad") for number in range(3)]
    worse, better = compare(golden, [NG_BAD, review, OK_GOOD], [review, NG_BAD, review], station().labels)
    assert worse == ("g0 should be 'bad', was NG 'bad', would be REVIEW 'bad'",)
    assert [phrase.split()[0] for phrase in better] == ["g1", "g2"]


@pytest.mark.parametrize(
    ("label", "change", "complaint"),
    [
        ("lovely", {}, "the station has no such label: use one of good, bad, worse"),
        ("bad", {"station": "cell-02"}, "it was made by station cell-02: give the file of that station"),
        (
            "bad",
            {"verdict": Verdict(Decision.REVIEW, "bad", None, (Reason.TEXT_INFLUENCE,))},
            "printed text in its picture may hold commands",
        ),
        (
            "bad",
            {"verdict": Verdict(Decision.REVIEW, "bad", None, (Reason.UNFAMILIAR,))},
            "its picture is like none that the station knows (unfamiliar)",
        ),
    ],
)
def test_what_cannot_be_a_lesson_is_refused(
    box: Path, label: str, change: dict[str, Any], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(box / "lines.jsonl", [replace(verdict(1), **change)])
    assert learn(box, "correct", "0001", "--label", label) == 1
    assert complaint in capsys.readouterr().err
    assert not (box / "lessons.jsonl").exists()


def test_the_same_words_are_not_taught_twice(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert learn(box, "correct", "0001", "--label", "good", "--as", "calibration") == 0
    assert learn(box, "correct", "0001", "--label", "bad", "--as", "calibration") == 1
    assert "lesson 1 teaches 'good' for the same words: undo it first, or leave it" in capsys.readouterr().err


def test_an_instruction_without_a_slot_takes_no_examples(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = box / "plain.txt"
    template.write_text(TEMPLATE.replace("{examples}", ""))
    with (box / "station.toml").open("a") as file:
        file.write(f'template_file = "{template}"\n')
    assert learn(box, "correct", "0001", "--label", "bad") == 78
    assert "the instruction template has no {examples}" in capsys.readouterr().err


def test_a_station_without_a_file_for_lessons_learns_nothing(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (box / "station.toml").write_text(STATION)
    assert learn(box, "list") == 1
    assert 'has no file for lessons: add lessons = "/var/lib/kotoba/lessons/cell-01.jsonl"' in capsys.readouterr().err


def test_a_station_is_refused_whose_lessons_are_missing_or_damaged(box: Path) -> None:
    with pytest.raises(BundleError, match=r"lessons .* cannot be read \(No such file"):
        instruction_digest(box)
    (box / "lessons.jsonl").write_text('{"schema": "kotoba.lesson/1"')
    with pytest.raises(BundleError, match="breaks off within its last line"):
        instruction_digest(box)


def test_the_lessons_of_another_station_are_refused(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert learn(box, "correct", "0001", "--label", "bad") == 0
    path = box / "lessons.jsonl"
    (lesson,) = active_lessons(read_lessons(path))
    path.write_text(path.read_text().replace(f'"station":"{lesson.station}"', '"station":"cell-77"'))
    complaint = f"line 1: it was taught to station cell-77, not {lesson.station}: give each station its own file"
    with pytest.raises(BundleError, match=complaint):
        instruction_digest(box)
    assert learn(box, "correct", "0002", "--label", "bad") != 0
    assert complaint in capsys.readouterr().err


def test_a_file_whose_lines_were_tampered_with_is_refused(box: Path) -> None:
    for number in ("0001", "0002"):
        assert learn(box, "correct", number, "--label", "bad", "--as", "calibration") == 0
    path = box / "lessons.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    for content, complaint in ((second, "line 1: it does not follow from the lines before it"), (first + b"{}\n", "line 2: ")):
        path.write_bytes(content)
        with pytest.raises(LessonError, match=complaint):
            read_lessons(path)
