"""A file of answers is read whole or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.agreement.errors import RatingsError
from export.agreement.ratings import read_study

HEAD = "part,appraiser,trial,answer"


def written(folder: Path, *lines: str, name: str = "ratings.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_answers_are_read_as_a_spreadsheet_saves_them(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes("\ufeffpart,appraiser,trial,answer,standard\r\nb, 佐藤 ,1,ok,NG\r\na,佐藤,1,NG,NG\r\n,,,,\r\n".encode())

    study = read_study(path)

    assert study.parts == ("a", "b")
    assert study.standard is not None
    assert study.standard.tolist() == [True, True]
    assert [(one.name, one.answers.tolist()) for one in study.appraisers] == [("佐藤", [[True], [False]])]


def test_an_answer_that_was_taken_back_does_not_count(tmp_path: Path) -> None:
    lines = (HEAD, "a,A,1,OK", "b,A,1,OK", "b,A,1,UNDO", "b,A,1,NG")

    study = read_study(written(tmp_path, *lines))

    assert study.appraisers[0].answers.tolist() == [[False], [True]]


def test_the_standard_of_a_file_of_its_own_counts(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD, "a,A,1,OK", "b,A,1,OK")
    standard = written(tmp_path, "part,standard", "a,OK", "b,NG", "c,OK", name="standard.csv")

    study = read_study(path, standard)

    assert study.standard is not None
    assert study.standard.tolist() == [False, True]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((), "the column 'part' is missing: expected part,appraiser,trial,answer"),
        (("part,appraiser,answer",), "the column 'trial' is missing"),
        ((HEAD + ",colour", "a,A,1,OK,red"), "the column 'colour' is unknown or double"),
        ((HEAD,), "it has no answers"),
        ((HEAD, "a,A,1,OK", "a,A,2,OK"), "it has answers about one part only"),
        ((HEAD, "a,A,1,good"), "line 2: 'good' is no answer: expected OK or NG"),
        ((HEAD, "a,A,0,OK"), "line 2: the trial is '0'"),
        ((HEAD, "a,A,one,OK"), "line 2: the trial is 'one'"),
        ((HEAD, "a,,1,OK"), "line 2: appraiser is empty"),
        ((HEAD, "a,A,1"), "line 2: answer is empty"),
        ((HEAD, "a,A,1,OK,NG"), "line 2: 5 values, expected 4"),
        ((HEAD, 'a,A,1,"OK'), "it is no CSV"),
        ((HEAD, "a,A,1,OK", "a,A,1,NG"), "line 3: the answer of 'A' about 'a' in trial 1 is there already in line 2"),
        ((HEAD, "a,A,1,UNDO"), "line 2: UNDO of the answer of 'A' about 'a' in trial 1, which was not given"),
        ((HEAD, "a,A,1,OK", "b,A,1,OK", "a,A,2,OK"), "'A' has no answer about 'b' in trial 2"),
        ((HEAD, "a,A,1,OK", "b,A,1,OK", "a,B,1,OK"), "'B' has no answer about 'b' in trial 1"),
        ((HEAD + ",standard", "a,A,1,OK,OK", "a,A,2,OK,NG", "b,A,1,OK,OK", "b,A,2,OK,OK"), "the standard of 'a' is NG here and OK above"),
        ((HEAD + ",standard", "a,A,1,OK,OK", "b,A,1,OK,"), "1 of 2 parts have no standard, the first is 'b'"),
        ((HEAD + ",standard", "a,A,1,OK,OK", "b,A,1,OK,maybe"), "line 3: 'maybe' is no answer"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_sentence(tmp_path: Path, lines: tuple[str, ...], sentence: str) -> None:
    path = written(tmp_path, *lines)

    with pytest.raises(RatingsError) as refused:
        read_study(path)

    assert str(refused.value).startswith(f"reading {path}")
    assert sentence in str(refused.value)


def test_everybody_has_as_many_trials_or_one(tmp_path: Path) -> None:
    rows = [f"{part},{who},{trial},OK" for part in "ab" for who, trials in (("A", 2), ("B", 3), ("C", 1)) for trial in range(1, trials + 1)]

    with pytest.raises(RatingsError, match="'B' has 3 trials and 'A' has 2: give everybody as many, or one"):
        read_study(written(tmp_path, HEAD, *rows))
    read_study(written(tmp_path, HEAD, *(row for row in rows if ",A," not in row)))


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(f"{HEAD}\na,佐藤,1,OK\n".encode("cp932"))

    with pytest.raises(RatingsError, match="it is not UTF-8: save it as CSV UTF-8"):
        read_study(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RatingsError, match=r"none\.csv: No such file or directory: give a CSV with the columns part,appraiser"):
        read_study(tmp_path / "none.csv")


def test_a_standard_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD, "a,A,1,OK", "b,A,1,OK")
    standard = written(tmp_path, "part,standard", "a,OK", "a,NG", name="standard.csv")

    with pytest.raises(RatingsError, match="line 3: 'a' is NG here and OK above: keep one"):
        read_study(path, standard)
