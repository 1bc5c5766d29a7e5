"""The form in a terminal: nothing leads the person, and no answer is lost."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from export.agreement.ratings import read_rows, read_study, standing
from export.cli import main
from firmware_config.exit_codes import BAD_CONFIG
from tests.support.asked_appraiser import AskedAppraiser, part_of, write_pictures
from tests.support.picture_files import encoded, gradient
from tests.support.repository import ROOT

PARTS = ("line1/crack/a.png", "line1/good/b.png", "line2/good/c.png", "line2/stain/d.png")
RAWS = {name: encoded(np.roll(gradient(), 7 * index, axis=1), "png") for index, name in enumerate(PARTS)}
STOPPED = re.compile(r"stopped: (\d) of 8 answers")
DONE = re.compile("done: all 8 answers of Sato are in .*")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "parts", RAWS)
    return tmp_path / "parts"


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    return tmp_path / "ratings.csv"


def truth(part: str) -> str:
    return "OK" if "good" in part else "NG"


def given(ratings: Path) -> dict[tuple[str, int], str]:
    return {(part, trial): row.answer for (_, part, trial), row in standing(read_rows(ratings), ratings).items()}


ALL = {(part, trial): truth(part) for part in PARTS for trial in (1, 2)}


def test_every_picture_is_asked_twice_and_its_name_is_never_shown(folder: Path, ratings: Path) -> None:
    order, screens = [], ""
    with AskedAppraiser(folder, ratings) as form:
        for _ in range(8):
            part = part_of(form.picture(), RAWS)
            order.append(part)
            screens += form.seen
            form.press(truth(part)[0].lower())
        form.until(DONE)
        assert form.end() == 0

    assert given(ratings) == ALL
    assert sorted(order[:4]) == sorted(order[4:]) == sorted(PARTS)
    assert order[:4] != order[4:]
    assert not re.search(r"\b(crack|good|line1|line2|stain)\b", screens)
    assert [(one.name, one.answers.shape) for one in read_study(ratings).appraisers] == [("Sato", (4, 2))]


@pytest.mark.long
def test_kill_9_loses_no_answer_and_the_same_command_goes_on(folder: Path, ratings: Path) -> None:
    for answered in (1, 3, 4):  # killed at the next question: whatever came before it is in the file
        with AskedAppraiser(folder, ratings) as form:
            part = part_of(form.picture(), RAWS)
            while len(given(ratings)) < answered:
                form.press(truth(part)[0])
                part = part_of(form.picture(), RAWS)
            form.kill()
        assert len(given(ratings)) == answered
    for _ in range(2):  # killed right after a key: the answer is in the file, whole, or it is not
        with AskedAppraiser(folder, ratings) as form:
            form.press(truth(part_of(form.picture(), RAWS))[0])
            form.kill()
        assert len(given(ratings)) >= 4
    with AskedAppraiser(folder, ratings) as form:
        for _ in range(8 - len(given(ratings))):
            form.press(truth(part_of(form.picture(), RAWS))[0])
        form.until(DONE)

    assert given(ratings) == ALL
    assert len(read_rows(ratings)) == 8


def test_later_comes_again_in_its_trial_and_back_takes_the_answer_back(folder: Path, ratings: Path) -> None:
    with AskedAppraiser(folder, ratings) as form:
        put_off = part_of(form.picture(), RAWS)
        form.press("s")
        wrong = part_of(form.picture(), RAWS)
        form.press("1")
        form.picture()
        form.press("u")
        assert part_of(form.picture(), RAWS) == wrong
        form.press("2")
        for _ in range(2):
            form.picture()
            form.press("n")
        assert part_of(form.picture(), RAWS) == put_off
        form.press("q")
        form.until(STOPPED)
        assert form.end() == 0

    answers = given(ratings)
    assert len(answers) == 3
    assert answers[wrong, 1] == "NG"
    assert (put_off, 1) not in answers
    assert [row.answer for row in read_rows(ratings)] == ["OK", "UNDO", "NG", "NG", "NG"]


def test_back_reaches_an_answer_of_before_a_restart(folder: Path, ratings: Path) -> None:
    with AskedAppraiser(folder, ratings) as form:
        first = part_of(form.picture(), RAWS)
        form.press("o")
        form.picture()
        form.press("q")
        form.until(STOPPED)
    with AskedAppraiser(folder, ratings) as form:
        form.picture()
        form.press("u")
        assert part_of(form.picture(), RAWS) == first
        form.press("u")
        form.until(re.compile("there is no answer to go back to"))

    assert given(ratings) == {}


def test_no_other_key_is_an_answer(folder: Path, ratings: Path) -> None:
    with AskedAppraiser(folder, ratings) as form:
        form.picture()
        for keys in ("\x1bOP", "\x1b[A", "oo", "é", "x", "\r"):  # F1, an arrow, two at once
            form.press(keys)
            form.until(re.compile("no such key"))
        form.press("?")
        form.until(re.compile("O or 1: the part is OK"))

    assert given(ratings) == {}


def test_a_viewer_shows_a_copy_and_ends_with_its_picture(folder: Path, ratings: Path, tmp_path: Path) -> None:
    viewer = tmp_path / "viewer"
    viewer.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/shown\nexec sleep 600\n', encoding="utf-8")
    viewer.chmod(0o755)
    with AskedAppraiser(folder, ratings, "--viewer", str(viewer)) as form:
        shown = form.picture()
        _wait_for_lines(tmp_path / "shown", 1)
        form.press("o")
        form.picture()
        _wait_for_lines(tmp_path / "shown", 2)
        assert not shown.exists()
        form.press("q")
        form.until(STOPPED)
        assert form.end() == 0
    names = [Path(line).name for line in (tmp_path / "shown").read_text(encoding="utf-8").splitlines()]
    assert set(names) == {"picture-1.png", "picture-2.png"}


def _wait_for_lines(file: Path, count: int) -> None:
    """Until the viewer has begun so often: the form ends it with its picture, however slowly it starts."""
    until = time.monotonic() + 30
    while not file.exists() or len(file.read_text(encoding="utf-8").splitlines()) < count:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_terminal_with_colours_shows_the_picture_in_blocks(folder: Path, ratings: Path) -> None:
    with AskedAppraiser(folder, ratings, environment={"COLORTERM": "truecolor", "PYTHONUTF8": "1"}) as form:
        form.picture()
        assert form.seen.count("▀") > 200


def test_answers_also_come_line_by_line_and_the_form_speaks_japanese(folder: Path, ratings: Path) -> None:
    command = ["agreement", "ask", str(folder), "--appraiser", "佐藤", "--out", str(ratings), "--viewer", "none", "--language", "ja"]

    done = subprocess.run(
        [sys.executable, "-m", "export.cli", *command],
        cwd=ROOT,
        input="o\nn\n",
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
        env={"PYTHONUTF8": "1", "PATH": "/usr/bin:/bin"},
    )

    assert "2 回中 1 回目、全 8 件中 1 件目" in done.stdout
    assert f"中断しました。{ratings} に回答 2 / 8 件があります" in done.stdout
    assert len(given(ratings)) == 2


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["agreement", "ask", *arguments]) == BAD_CONFIG
    sentence = capsys.readouterr().err
    assert sentence.startswith("kotoba-export: ")
    assert sentence.count("\n") == 1
    return sentence


def test_two_forms_never_share_a_file(folder: Path, ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with AskedAppraiser(folder, ratings) as form:
        form.picture()
        assert "another form has it open" in refused(capsys, str(folder), "--appraiser", "Ito", "--out", str(ratings))


def test_what_cannot_be_asked_is_refused_before_anybody_answers(
    folder: Path, ratings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--appraiser", "Sato", "--out", str(ratings))
    assert "it is no folder" in refused(capsys, str(tmp_path / "none"), *more)
    assert "it holds 1:" in refused(capsys, str(folder / "line1/good"), *more)
    assert "no name of a person" in refused(capsys, str(folder), "--appraiser", "box", "--out", str(ratings))
    assert "no name of a person" in refused(capsys, str(folder), "--appraiser", " ", "--out", str(ratings))
    assert "0 trials: give 1 to 20" in refused(capsys, str(folder), *more, "--trials", "0")
    assert "there is no such program" in refused(capsys, str(folder), *more, "--viewer", "no-such-viewer")
    assert not ratings.exists()
    (folder / "line1/good/e.png").write_bytes(RAWS[PARTS[0]][:60])
    assert "e.png" in refused(capsys, str(folder), *more)
    (folder / "line1/good/e.png").rename(folder / "line1/good/e\n.png")
    assert r"the name 'line1/good/e\n.png' cannot stand in a CSV" in refused(capsys, str(folder), *more)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("part,appraiser,trial,answer\na,Sato,1,OK\n", "its columns are part,appraiser,trial,answer, expected"),
        ("part,appraiser,trial,answer,answered_at\nline1/good/b.png,Sato,1,OK,2026-", "its last line is not whole: delete it"),
        (
            "part,appraiser,trial,answer,answered_at\ngone.png,Sato,1,OK,\n",
            "an answer about 'gone.png' in trial 1, which is not asked here",
        ),
        ("part,appraiser,trial,answer,answered_at\nline1/good/b.png,Sato,3,OK,\n", "in trial 3, which is not asked here"),
        ("shopping list\n", "the column 'part' is missing"),
    ],
)
def test_a_file_that_is_not_of_this_study_is_left_as_it_is(
    folder: Path, ratings: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    ratings.write_text(text, encoding="utf-8")

    assert sentence in refused(capsys, str(folder), "--appraiser", "Sato", "--out", str(ratings))
    assert ratings.read_text(encoding="utf-8") == text
