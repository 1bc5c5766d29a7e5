from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import pytest

from edge.cli import main
from edge.judges.lessons import active_lessons, read_lessons
from edge.records import Decision, Inspection, Reason, Verdict
from edge.spool.store import Spool
from tests.support import judged_words
from tests.support.inspections import LOST
from tests.support.judged_words import bundle_options
from tests.support.kept_pictures import digest, noise, opened, put
from tests.support.repository import ROOT

START = datetime(2026, 5, 4, 8, tzinfo=timezone.utc)


def review(number: int, *, decision: Decision = Decision.REVIEW) -> Inspection:
    """A stored inspection of words of its own, whose picture may be kept."""
    sha256 = digest(noise(number))
    return replace(
        judged_words.verdict(number % 4),
        id=f"0197f0aa00007000800000{number:010}",
        source=f"part-{number}.png",
        description=judged_words.description(number),
        captured_at=START + timedelta(minutes=number),
        verdict=Verdict(decision, "bad", 0.41, (Reason.LOW_CONFIDENCE,) if decision is Decision.REVIEW else ()),
        evidence_sha256=sha256,
        evidence_path=f"{decision.value.lower()}/{sha256}.png",
        clock_synchronised=number != 2,
        epoch="",
        seq=0,
    )


class Box:
    """A box that has run: a spool, an evidence folder, a station whose lessons file is empty."""

    def __init__(self, root: Path, inspections: Sequence[Inspection], *, language: str = "en", lessons: bool = True) -> None:
        self.root = root
        (root / "stations").mkdir()
        self.lessons = root / "lessons.jsonl"
        self.lessons.touch()
        text = judged_words.STATION.replace('language = "en"', f'language = "{language}"')
        (root / "stations" / "cell-01.toml").write_text(f'{text}lessons = "{self.lessons}"\n' if lessons else text)
        with closing(Spool(root / "spool.sqlite", ballast_bytes=4096)) as spool:
            self.inspections = [spool.commit(inspection) for inspection in inspections]
        folder = opened(root / "evidence")
        for number, inspection in enumerate(inspections, 1):
            if inspection.evidence_path is not None:
                put(folder, inspection.verdict.decision, number)

    def arguments(self, verb: str, *options: str) -> list[str]:
        where = ["--spool", str(self.root / "spool.sqlite"), "--stations", str(self.root / "stations")]
        return ["review", verb, *options, *where, *(bundle_options() if verb != "list" else [])]

    def run(self, verb: str, *options: str) -> int:
        return main(self.arguments(verb, *options))

    def answers(self) -> list[dict[str, str]]:
        path = self.root / "answers.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def taught(self) -> dict[str, str]:
        return {lesson.inspection: lesson.label for lesson in active_lessons(read_lessons(self.lessons))}


@pytest.fixture
def box(tmp_path: Path) -> Box:
    fault = replace(LOST, id="f" * 32, station="cell-01", captured_at=START + timedelta(hours=2))
    ok, other = review(6, decision=Decision.OK), replace(review(5), station="cell-02")
    return Box(tmp_path, [review(1), review(2), review(3, decision=Decision.NG), fault, other, ok])


def listed(box: Box, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    capsys.readouterr()
    assert box.run("list", "--json", *options) == 0
    return [f"{line['station']}:{line['seq']}" for line in map(json.loads, capsys.readouterr().out.splitlines())]


def test_what_nobody_has_answered_is_listed_with_what_a_person_needs(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    (box.root / "evidence" / str(box.inspections[2].evidence_path)).unlink()

    assert box.run("list") == 0

    lines = capsys.readouterr().out.splitlines()
    first, second = (one.id for one in box.inspections[:2])
    assert lines[0] == f"cell-01:1  2026-05-04T08:01:00Z  REVIEW  bad  0.41  low_confidence  picture  {first}"
    assert lines[1] == f"cell-01:2  2026-05-04T08:02:00Z?  REVIEW  bad  0.41  low_confidence  picture  {second}"
    assert lines[2].startswith("cell-01:3  2026-05-04T08:03:00Z  NG  bad  0.41  -  no picture  ")
    assert lines[3].startswith("cell-01:4  2026-05-04T10:00:00Z  FAULT  -  -  camera_stalled  no picture  ")
    assert [line.split()[0] for line in lines[4:]] == ["cell-02:1", "5"]


def test_the_list_is_filtered(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(box, capsys) == ["cell-01:1", "cell-01:2", "cell-01:3", "cell-01:4", "cell-02:1"]
    assert listed(box, capsys, "--station", "cell-02") == ["cell-02:1"]
    assert listed(box, capsys, "--decision", "NG", "--decision", "FAULT") == ["cell-01:3", "cell-01:4"]
    assert listed(box, capsys, "--since", "2026-05-04T08:02:00Z", "--until", "2026-05-04T08:04Z") == ["cell-01:2", "cell-01:3"]
    assert listed(box, capsys, "--decision", "OK") == ["cell-01:5"]


def test_the_list_in_json_names_the_picture_that_is_there(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert box.run("list", "--json", "--station", "cell-01") == 0

    first, *_, fault = map(json.loads, capsys.readouterr().out.splitlines())
    assert Path(first["picture"]).is_file()
    assert (first["reasons"], first["clock_synchronised"], first["answers"]) == (["low_confidence"], True, [])
    assert fault["picture"] is None


def test_an_answer_is_kept_taught_and_no_longer_asked_for(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert box.run("answer", "cell-01:1", "good", "--by", "Sato", "--note", "only dust") == 0

    said = capsys.readouterr().out
    assert said == f"kept: cell-01:1 {box.inspections[0].id} is 'good', the verdict was REVIEW bad; lesson 1\n"
    (answer,) = box.answers()
    assert (answer["label"], answer["by"], answer["note"], answer["verdict_label"]) == ("good", "Sato", "only dust", "bad")
    (lesson,) = active_lessons(read_lessons(box.lessons))
    assert (lesson.kind, lesson.label, lesson.by, lesson.why) == ("calibration", "good", "Sato", "only dust")
    assert "cell-01:1" not in listed(box, capsys)
    assert "cell-01:1" in listed(box, capsys, "--all")


def test_the_same_answer_twice_is_one_and_another_label_replaces_it(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("good", "good", "worse"):
        assert box.run("answer", "cell-01:1", label, "--by", "Sato") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"answered before: cell-01:1 {box.inspections[0].id} is 'good'; lesson 1"
    assert [answer["label"] for answer in box.answers()] == ["good", "worse"]
    assert box.taught() == {box.inspections[0].id: "worse"}
    assert len(read_lessons(box.lessons)) == 3


def test_an_answer_whose_lesson_was_lost_is_taught_when_it_is_given_again(box: Box) -> None:
    assert box.run("answer", "cell-01:1", "good", "--by", "Sato", "--no-lesson") == 0
    assert box.taught() == {}

    assert box.run("answer", "cell-01:1", "good", "--by", "Sato") == 0

    assert len(box.answers()) == 1
    assert box.taught() == {box.inspections[0].id: "good"}


@pytest.mark.parametrize(
    ("wanted", "label", "said"),
    [
        ("cell-01:1", "lovely", "station cell-01 has no such label: use one of good, bad, worse"),
        ("cell-01:99", "good", "holds no inspection STATION:SEQ cell-01:99"),
        ("nothing", "good", "holds no inspection whose id begins or ends with 'nothing'"),
        ("0197", "good", "'0197' could be "),
        ("cell-02:1", "good", "there is no file of its station cell-02, the stations are cell-01: give their folder (--stations)"),
    ],
)
def test_an_answer_that_cannot_be_kept_is_one_sentence(
    box: Box, capsys: pytest.CaptureFixture[str], wanted: str, label: str, said: str
) -> None:
    assert box.run("answer", wanted, label, "--by", "Sato") == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert box.answers() == []


def test_a_fault_is_answered_and_teaches_nothing(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert box.run("answer", "cell-01:4", "bad", "--by", "Sato") == 0
    assert "not taught: no words were judged, so there is nothing to learn from" in capsys.readouterr().out
    assert len(box.answers()) == 1


def test_a_lessons_file_that_does_not_exist_yet_is_begun(box: Box) -> None:
    box.lessons.unlink()
    assert box.run("answer", "cell-01:1", "good", "--by", "Sato") == 0
    assert box.taught() == {box.inspections[0].id: "good"}


def test_a_station_without_a_lessons_file_still_keeps_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = Box(tmp_path, [review(1)], lessons=False)
    assert box.run("answer", "cell-01:1", "bad", "--by", "Sato") == 0
    assert 'add lessons = "/var/lib/kotoba/lessons/cell-01.jsonl" to its [judge] section' in capsys.readouterr().out
    assert len(box.answers()) == 1


def test_many_are_answered_from_stdin_and_a_wrong_line_costs_only_itself(
    box: Box, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("# shift 1\ncell-01:1 good\n\ncell-01:2 lovely\ncell-01:3  worse\n"))
    assert box.run("answer", "--stdin", "--by", "Sato") == 1
    assert [answer["label"] for answer in box.answers()] == ["good", "worse"]
    assert capsys.readouterr().err.count("\n") == 1


def test_id_and_label_are_needed(box: Box) -> None:
    for wrong in (["cell-01:1"], [], ["cell-01:1", "good", "--stdin"]):
        with pytest.raises(SystemExit) as ended:
            box.run("answer", *wrong)
        assert ended.value.code == 2


def test_showing_says_why_where_the_picture_is_and_what_was_answered(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert box.run("answer", "cell-01:1", "good", "--by", "Sato", "--note", "dust", "--no-lesson") == 0
    capsys.readouterr()

    assert box.run("show", "cell-01:1", "--brief") == 0

    shown = capsys.readouterr().out
    assert "why not OK: the confidence is below the limit (low_confidence)" in shown
    assert f"picture: {box.root / 'evidence' / str(box.inspections[0].evidence_path)}\n" in shown
    assert "labels: good, bad, worse\nanswered 'good' by Sato at 20" in shown
    assert shown.endswith("(dust)\n")


def test_showing_explains_and_draws_with_the_kept_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = judged_words.verdict(1)
    box = Box(
        tmp_path,
        [replace(stored, evidence_sha256=digest(noise(1)), evidence_path=review(1, decision=stored.verdict.decision).evidence_path)],
    )

    assert box.run("show", "cell-01:1", "--png", str(tmp_path / "why.png")) == 0

    assert "probability of each label" in capsys.readouterr().out
    assert cv2.imread(str(tmp_path / "why.png")) is not None


def test_a_fault_is_shown_without_an_explanation(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert box.run("show", "cell-01:4") == 0
    shown = capsys.readouterr().out
    assert "not explained: inspection" in shown
    assert "is a FAULT (camera_stalled)" in shown
    assert "picture: no picture" in shown
    assert box.run("show", "cell-01:4", "--json") == 0
    assert "is a FAULT" in json.loads(capsys.readouterr().out)["not_explained"]


def test_a_picture_that_made_room_is_said_to_be_gone(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    path = box.root / "evidence" / str(box.inspections[0].evidence_path)
    path.unlink()
    assert box.run("show", "cell-01:1", "--brief") == 0
    assert f"picture: no longer there: {path}" in capsys.readouterr().out


def test_a_japanese_station_speaks_japanese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = Box(tmp_path, [review(1), review(2)], language="ja")
    assert box.run("list") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "未回答 2 件"
    assert box.run("answer", "cell-01:1", "good", "--by", "佐藤", "--no-lesson") == 0
    assert capsys.readouterr().out.startswith("保存しました: cell-01:1 ")
    assert box.run("show", "cell-01:1", "--brief") == 0
    assert "確信度が基準に届きません" in capsys.readouterr().out


@pytest.mark.long
def test_a_hundred_are_answered_with_a_kill_in_the_middle_none_lost_and_none_doubled(tmp_path: Path) -> None:
    box = Box(tmp_path, [review(number) for number in range(1, 101)])
    ids = [inspection.id for inspection in box.inspections]
    lines = "".join(f"{one} {('good', 'bad', 'worse')[number % 3]}\n" for number, one in enumerate(ids))
    command = [sys.executable, "-m", "edge.cli", *box.arguments("answer", "--stdin", "--by", "Sato")]

    acknowledged: set[str] = set()
    for number in (10, 30, 50):  # ten more than are read, and stdin stays open: it is at work, and cannot be done
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("".join(lines.splitlines(keepends=True)[: number + 10]))
            process.stdin.flush()
            acknowledged |= {process.stdout.readline().split(" is ")[0].split()[-1] for _ in range(number)}
            process.kill()
        assert process.returncode == -signal.SIGKILL
        kept = [answer["inspection"] for answer in box.answers()]
        assert kept == ids[: len(kept)]
        assert acknowledged <= set(kept)  # what was said to be kept is kept, and taught
        assert acknowledged <= set(box.taught())
    assert 50 <= len(kept) <= 60

    again = subprocess.run(command, cwd=ROOT, input=lines, capture_output=True, text=True, timeout=300, check=True)

    assert again.stdout.count("answered before: ") == len(kept)
    assert [answer["inspection"] for answer in box.answers()] == ids
    assert box.taught() == {one: ("good", "bad", "worse")[number % 3] for number, one in enumerate(ids)}
    assert len(read_lessons(box.lessons)) == 100
    listing = subprocess.run(
        [sys.executable, "-m", "edge.cli", *box.arguments("list")], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert listing.stdout == "nothing to answer\n"
