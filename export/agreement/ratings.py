"""The answers of a study: one CSV row for each (part, appraiser, trial). What does not fit together is refused, nothing is filled in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast

import numpy as np

from export.agreement.errors import RatingsError
from export.agreement.kappa import Marks
from firmware_config.regular_file import read_limited

Answer: TypeAlias = Literal["OK", "NG"]

REQUIRED, OPTIONAL = ("part", "appraiser", "trial", "answer"), ("standard", "answered_at")
UNDO = "UNDO"
"""Written instead of an answer by the form: it takes back the answer before, and both rows stay."""
BOX = "box"
"""The name of the box among the appraisers; no person has it."""
MAX_BYTES, MAX_TRIALS, MIN_PARTS = 50_000_000, 20, 2


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file; `line` counts from 1, the heads included."""

    line: int
    part: str
    appraiser: str
    trial: int
    answer: str
    standard: str | None


Key: TypeAlias = tuple[str, str, int]
"""Appraiser, part, trial."""


@dataclass(frozen=True, slots=True, eq=False)
class Appraiser:
    """Who judged; `answers` bool (parts, trials), True is NG, in the order of the study's parts."""

    name: str
    answers: Marks
    is_box: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The parts, sorted; their standard bool (parts,), True is NG, None where nobody knows it; and everybody's answers."""

    parts: tuple[str, ...]
    standard: Marks | None
    appraisers: tuple[Appraiser, ...]


def read_study(ratings: Path, standard: Path | None = None) -> Study:
    """Read the answers, and the standard from a file of its own (part,standard) if one is given.

    Raises:
        RatingsError: a file cannot be read or is wrong, or an answer is missing, double or without its standard.
    """
    rows = read_rows(ratings)
    answers = standing(rows, ratings)
    if not answers:
        msg = f"reading {ratings}: it has no answers: fill it in, or let `kotoba-export agreement ask` do so"
        raise RatingsError(msg)
    parts = tuple(sorted({part for _, part, _ in answers}))
    if len(parts) < MIN_PARTS:
        msg = f"reading {ratings}: it has answers about one part only: a study needs at least {MIN_PARTS}, better 50"
        raise RatingsError(msg)
    appraisers = tuple(_appraiser(name, parts, answers, ratings) for name in sorted({name for name, _, _ in answers}))
    require_same_trials(appraisers, ratings)
    known = standards_of(rows, ratings) if standard is None else read_standards(standard)
    return Study(parts, _standard(parts, known, standard or ratings), appraisers)


def read_rows(path: Path) -> list[Row]:
    """The rows of a file of answers, taken back ones included.

    Raises:
        RatingsError: the file cannot be read or is wrong.
    """
    return [_row(line, values, path) for line, values in _lines(path, REQUIRED, OPTIONAL)]


def read_standards(path: Path) -> dict[str, Answer]:
    """What each part really is, from a CSV (part,standard).

    Raises:
        RatingsError: the file cannot be read or is wrong.
    """
    found: dict[str, Answer] = {}
    for line, values in _lines(path, ("part", "standard"), ()):
        part, standard = values["part"], _answer(values["standard"], line, path)
        if found.setdefault(part, standard) != standard:
            msg = f"reading {path}, line {line}: {part!r} is {standard} here and {found[part]} above: keep one"
            raise RatingsError(msg)
    return found


def standing(rows: Iterable[Row], path: Path) -> dict[Key, Row]:
    """The answers that stand after all that were taken back, in the order in which they were given.

    Raises:
        RatingsError: an answer is there twice, or what is taken back was not given.
    """
    found: dict[Key, Row] = {}
    for row in rows:
        key = (row.appraiser, row.part, row.trial)
        who = f"the answer of {row.appraiser!r} about {row.part!r} in trial {row.trial}"
        if row.answer == UNDO:
            if found.pop(key, None) is None:
                msg = f"reading {path}, line {row.line}: {UNDO} of {who}, which was not given: delete the line"
                raise RatingsError(msg)
        elif key in found:
            msg = f"reading {path}, line {row.line}: {who} is there already in line {found[key].line}: keep one"
            raise RatingsError(msg)
        else:
            found[key] = row
    return found


def standards_of(rows: Sequence[Row], path: Path) -> dict[str, Answer]:
    """The column `standard` of the answers.

    Raises:
        RatingsError: two rows of a part have different standards.
    """
    found: dict[str, Answer] = {}
    for row in rows:
        if row.standard:
            standard = _answer(row.standard, row.line, path)
            if found.setdefault(row.part, standard) != standard:
                what = f"the standard of {row.part!r} is {standard} here and {found[row.part]} above"
                msg = f"reading {path}, line {row.line}: {what}: keep one"
                raise RatingsError(msg)
    return found


def require_same_trials(appraisers: Iterable[Appraiser], path: Path) -> None:
    """Trials are compared one by one: everybody has as many, or one only.

    Raises:
        RatingsError: they have different numbers of trials.
    """
    trials = {appraiser.answers.shape[1]: appraiser.name for appraiser in appraisers}
    several = sorted(count for count in trials if count > 1)
    if len(several) > 1:
        first, last = several[0], several[-1]
        msg = f"reading {path}: {trials[last]!r} has {last} trials and {trials[first]!r} has {first}: give everybody as many, or one"
        raise RatingsError(msg)


def _appraiser(name: str, parts: Sequence[str], answers: Mapping[Key, Row], path: Path) -> Appraiser:
    trials = max(trial for who, _, trial in answers if who == name)
    marks = np.zeros((len(parts), trials), np.bool_)
    for index, part in enumerate(parts):
        for trial in range(1, trials + 1):
            row = answers.get((name, part, trial))
            if row is None:
                msg = f"reading {path}: {name!r} has no answer about {part!r} in trial {trial}: let it be given, or take the part out"
                raise RatingsError(msg)
            marks[index, trial - 1] = row.answer == "NG"
    return Appraiser(name, marks)


def _standard(parts: Sequence[str], known: Mapping[str, Answer], path: Path) -> Marks | None:
    if not known:
        return None
    missing = [part for part in parts if part not in known]
    if missing:
        msg = f"reading {path}: {len(missing)} of {len(parts)} parts have no standard, the first is {missing[0]!r}: give all or none"
        raise RatingsError(msg)
    return np.array([known[part] == "NG" for part in parts], np.bool_)


def _row(line: int, values: Mapping[str, str], path: Path) -> Row:
    try:
        trial = int(values["trial"])
    except ValueError:
        trial = 0
    if not 1 <= trial <= MAX_TRIALS:
        msg = f"reading {path}, line {line}: the trial is {values['trial']!r}: expected a number from 1 to {MAX_TRIALS}"
        raise RatingsError(msg)
    answer = UNDO if values["answer"] == UNDO else _answer(values["answer"], line, path)
    return Row(line, values["part"], values["appraiser"], trial, answer, values.get("standard"))


def _answer(text: str, line: int, path: Path) -> Answer:
    if text.upper() not in {"OK", "NG"}:
        msg = f"reading {path}, line {line}: {text!r} is no answer: expected OK or NG"
        raise RatingsError(msg)
    return cast("Answer", text.upper())


def _lines(path: Path, required: Sequence[str], optional: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows with the number of their last line; spaces around a value do not count, because nobody sees them."""
    try:
        text = read_limited(path, MAX_BYTES).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, [value.strip() for value in row]) for row in reader if any(value.strip() for value in row)]
    except OSError as err:
        msg = f"reading {path}: {err.strerror}: give a CSV with the columns {','.join(required)}"
        raise RatingsError(msg) from err
    except UnicodeDecodeError as err:
        msg = f"reading {path}: it is not UTF-8: save it as CSV UTF-8"
        raise RatingsError(msg) from err
    except csv.Error as err:
        msg = f"reading {path}: it is no CSV ({err}): save it as CSV UTF-8"
        raise RatingsError(msg) from err
    heads = rows[0][1] if rows else []
    missing = [name for name in required if name not in heads]
    unknown = [name for name in heads if name not in (*required, *optional) or heads.count(name) > 1]
    if missing or unknown:
        what = f"the column {missing[0]!r} is missing" if missing else f"the column {unknown[0]!r} is unknown or double"
        msg = f"reading {path}: {what}: expected {','.join(required)}" + (f" and perhaps {','.join(optional)}" if optional else "")
        raise RatingsError(msg)
    found = []
    for line, values in rows[1:]:
        named = dict(zip(heads, values, strict=False))
        empty = [name for name in required if not named.get(name)]
        if empty or len(values) != len(heads):
            what = f"{empty[0]} is empty" if empty else f"{len(values)} values, expected {len(heads)}"
            msg = f"reading {path}, line {line}: {what}: complete or delete the line"
            raise RatingsError(msg)
        found.append((line, named))
    return found
