"""The lessons file of a station: corrected verdicts, one JSON line each.

A lesson becomes an example in the judge's instruction or a picture for the station's calibration. The file only grows: undoing a lesson
adds a line, so the file shows who taught what, when and why. A judge reads it when it is opened.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter

from edge.errors import LessonError
from edge.message import Described, Moment, from_wire
from edge.records import Words
from firmware_config.errors import first_mistake
from firmware_config.owned_file import open_owned
from firmware_config.regular_file import read_regular
from firmware_config.strict import STRICT
from firmware_config.strict_json import parse_json
from firmware_config.write import sync_folder

MAX_LESSONS_BYTES = 20_000_000
"""About ten thousand lessons. Examples beyond a few dozen do not fit into an instruction."""

MAX_TEXT = 500
"""Characters of a name or a reason."""

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=r"^[^\r\n]*$")]


class Correction(BaseModel):
    """A lesson: the words of a verdict and the label that is right for them."""

    model_config = STRICT
    schema_id: Literal["kotoba.lesson/1"] = Field(default="kotoba.lesson/1", alias="schema")
    number: int = Field(ge=1, description="Of the line, from 1.")
    kind: Literal["example", "calibration"] = Field(description="An example in the instruction, or a picture for the calibration.")
    by: Text = Field(description="Who taught it.")
    at: Moment
    why: Text
    station: str = Field(min_length=1)
    inspection: str = Field(min_length=1, description="Id of the inspection.")
    source: str = Field(description="Where its picture came from.")
    verdict_label: str = Field(min_length=1, description="The label of the verdict.")
    label: str = Field(min_length=1, description="The label that is right.")
    words: Described
    bundle: Digest
    station_digest: Digest
    prompt: Digest | None = Field(description="Of the instruction with this lesson; null: a linear judge reads none.")
    golden: int = Field(ge=0, description="How many golden verdicts were judged with and without it. None got worse.")


class Undo(BaseModel):
    """A line that undoes a lesson."""

    model_config = STRICT
    schema_id: Literal["kotoba.lesson/1"] = Field(default="kotoba.lesson/1", alias="schema")
    number: int = Field(ge=1, description="Of the line, from 1.")
    kind: Literal["undo"] = "undo"
    by: Text = Field(description="Who undid it.")
    at: Moment
    why: Text
    undoes: int = Field(ge=1, description="The number of the lesson.")


Line: TypeAlias = Correction | Undo
_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


def read_lessons(path: Path, *, station: str | None = None) -> tuple[Line, ...]:
    """Read all lines of a lessons file, in order. With `station`, all lessons must be of the station of that name.

    Raises:
        LessonError: the file cannot be read, is too large or is cut off, or a line is not a lesson, not the next one or of another station.
    """
    try:
        raw = read_regular(path, MAX_LESSONS_BYTES + 1)
    except OSError as err:
        msg = f"lessons {path} cannot be read ({err.strerror}): teach the station with `kotoba-edge learn`, or correct [judge] lessons"
        raise LessonError(msg) from err
    if len(raw) > MAX_LESSONS_BYTES or (raw and not raw.endswith(b"\n")):
        fault = f"has more than {MAX_LESSONS_BYTES} bytes" if len(raw) > MAX_LESSONS_BYTES else "breaks off within its last line"
        msg = f"lessons {path} {fault}: restore a copy of the file, or remove what is wrong at its end"
        raise LessonError(msg)
    lines: list[Line] = []
    for number, text in enumerate(raw.splitlines(), 1):
        try:
            parse_json(text)
            line = _LINE.validate_json(text, strict=True)
        except ValueError as err:
            msg = f"lessons {path}, line {number}: {first_mistake(err)}: restore a copy of the file"
            raise LessonError(msg) from err
        if line.number != number or (isinstance(line, Undo) and line.undoes not in {lesson.number for lesson in active_lessons(lines)}):
            msg = f"lessons {path}, line {number}: it does not follow from the lines before it: restore a copy of the file"
            raise LessonError(msg)
        if station is not None and isinstance(line, Correction) and line.station != station:
            msg = f"lessons {path}, line {number}: it was taught to station {line.station}, not {station}: give each station its own file"
            raise LessonError(msg)
        lines.append(line)
    return tuple(lines)


def active_lessons(lines: Sequence[Line]) -> tuple[Correction, ...]:
    """The lessons that were not undone, in the order taught."""
    undone = {line.undoes for line in lines if isinstance(line, Undo)}
    return tuple(line for line in lines if isinstance(line, Correction) and line.number not in undone)


def examples_of(lessons: Sequence[Correction]) -> tuple[tuple[Words, str], ...]:
    """The examples for the instruction, words and right label each, in the order taught."""
    return tuple((from_wire(lesson.words).words, lesson.label) for lesson in lessons if lesson.kind == "example")


def append_lesson(path: Path, line: Line) -> None:
    """Append one line. When this returns, the line survives a power cut.

    Raises:
        LessonError: the line cannot be written, or another process appended one since the file was read.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_owned(path.resolve(), os.O_WRONLY | os.O_APPEND, mode=0o644)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if len(read_lessons(path)) + 1 != line.number:
                msg = (
                    f"appending lesson {line.number} to {path}: another process appended a lesson: see `kotoba-edge learn list`, try again"
                )
                raise LessonError(msg)
            size = os.fstat(descriptor).st_size
            try:
                file.write(line.model_dump_json(by_alias=True).encode() + b"\n")
                os.fsync(descriptor)
            except OSError:  # a full disk: half a line must not stay
                with suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise
        sync_folder(path.parent)
    except OSError as err:
        advice = "make room, or correct [judge] lessons or the file's permissions"
        msg = f"lesson {line.number} cannot be written to {path} ({err.strerror}): {advice}"
        raise LessonError(msg) from err
