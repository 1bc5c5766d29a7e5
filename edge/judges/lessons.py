"""What people taught a station, one line a lesson: corrected verdicts as examples in words or as calibration points, and what was undone.

The file only grows: undoing is a new line, so that it says who taught what, when and why, and what judged at the time. A judge reads it
when it is opened.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from edge.errors import LessonError
from edge.message import STRICT, Described, Moment, from_wire
from edge.records import Words
from firmware_config.errors import first_mistake
from firmware_config.write import sync_folder

MAX_LESSONS_BYTES = 20_000_000
"""Some ten thousand lessons; examples beyond a few dozen do not fit into an instruction anyway."""

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
MAX_TEXT = 500
"""Characters of a name or a reason."""

Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=r"^[^\r\n]*$")]


class Correction(BaseModel):
    """A verdict and the label that is right: words that become an example in the instruction, or a point for the calibration."""

    model_config = STRICT
    schema_id: Literal["kotoba.lesson/1"] = Field(default="kotoba.lesson/1", alias="schema")
    number: int = Field(ge=1, description="Of the line.")
    kind: Literal["example", "calibration"]
    by: Text
    at: Moment
    why: Text
    station: str = Field(min_length=1)
    inspection: str = Field(min_length=1, description="Id of the verdict.")
    source: str
    said: str = Field(min_length=1, description="The label of the verdict.")
    label: str = Field(min_length=1, description="The label that is right.")
    words: Described
    bundle: Digest
    station_digest: Digest
    prompt: Digest = Field(description="Of the instruction with this lesson.")
    golden: int = Field(ge=0, description="Golden verdicts that were judged with and without it; none got worse.")


class Undo(BaseModel):
    """A lesson that no longer counts."""

    model_config = STRICT
    schema_id: Literal["kotoba.lesson/1"] = Field(default="kotoba.lesson/1", alias="schema")
    number: int = Field(ge=1, description="Of the line.")
    kind: Literal["undo"] = "undo"
    by: Text
    at: Moment
    why: Text
    undoes: int = Field(ge=1)


Line = Correction | Undo
_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


def read_lessons(path: Path, *, station: str | None = None) -> tuple[Line, ...]:
    """All lines of a file, in order; of this station, where one is given.

    Raises:
        LessonError: it cannot be read, is too large, is cut off, or a line is no lesson, not the next one or of another station.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_LESSONS_BYTES + 1)
    except OSError as err:
        msg = f"lessons {path} cannot be read ({err.strerror}): teach the station with `kotoba-edge learn`, or correct [judge] lessons"
        raise LessonError(msg) from err
    if len(raw) > MAX_LESSONS_BYTES or (raw and not raw.endswith(b"\n")):
        what = f"has more than {MAX_LESSONS_BYTES} bytes" if len(raw) > MAX_LESSONS_BYTES else "breaks off within its last line"
        msg = f"lessons {path} {what}: put back a copy, or take out what is wrong at its end"
        raise LessonError(msg)
    lines: list[Line] = []
    for number, text in enumerate(raw.splitlines(), 1):
        try:
            line = _LINE.validate_json(text)
        except ValidationError as err:
            msg = f"lessons {path}, line {number}: {first_mistake(err)}: put back a copy of the file"
            raise LessonError(msg) from err
        if line.number != number or (isinstance(line, Undo) and line.undoes not in {lesson.number for lesson in taught(lines)}):
            msg = f"lessons {path}, line {number}: it is not the line that follows the one before: put back a copy of the file"
            raise LessonError(msg)
        if station is not None and isinstance(line, Correction) and line.station != station:
            msg = f"lessons {path}, line {number}: it was taught to station {line.station}, not {station}: give each station its own file"
            raise LessonError(msg)
        lines.append(line)
    return tuple(lines)


def taught(lines: Sequence[Line]) -> tuple[Correction, ...]:
    """The lessons that count: all that were not undone."""
    undone = {line.undoes for line in lines if isinstance(line, Undo)}
    return tuple(line for line in lines if isinstance(line, Correction) and line.number not in undone)


def examples_of(lessons: Sequence[Correction]) -> tuple[tuple[Words, str], ...]:
    """What of the lessons stands in the instruction: words and their right label, in the order taught."""
    return tuple((from_wire(lesson.words).words, lesson.label) for lesson in lessons if lesson.kind == "example")


def append_lesson(path: Path, line: Line) -> None:
    """Put one line behind the others; returning means that it survives a power cut.

    Raises:
        LessonError: it cannot be written, or somebody else wrote a line meanwhile.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if len(read_lessons(path)) + 1 != line.number:
                msg = f"lesson {line.number} for {path}: somebody else wrote a line meanwhile: see `kotoba-edge learn list`, try again"
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
        msg = f"lesson {line.number} cannot be written to {path} ({err.strerror}): make room or correct [judge] lessons or the rights"
        raise LessonError(msg) from err
