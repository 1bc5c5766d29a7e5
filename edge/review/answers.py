"""The answers file: what people said that a picture really shows, one JSON line each.

The file only grows. The last answer of an inspection counts, the earlier ones are its history. A line that breaks off at the end was never
acknowledged: readers pass over it, and the next answer replaces it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from edge.errors import AnswerError
from edge.message import Moment
from edge.records import Decision
from firmware_config.errors import first_mistake
from firmware_config.strict import STRICT
from firmware_config.write import sync_folder

MAX_ANSWERS_BYTES = 200_000_000
"""About half a million answers."""

MAX_TEXT = 500
"""Characters of a name or a note."""

Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=r"^[^\r\n]*$")]


class Answer(BaseModel):
    """What a person said of one inspection."""

    model_config = STRICT
    schema_id: Literal["kotoba.answer/1"] = Field(default="kotoba.answer/1", alias="schema")
    inspection: str = Field(min_length=1, description="Id of the inspection.")
    station: str = Field(min_length=1)
    epoch: str
    seq: int = Field(ge=0)
    source: str = Field(description="Where its picture came from.")
    decision: Decision = Field(description="Of the verdict.")
    verdict_label: str | None = Field(description="The label of the verdict.")
    label: str = Field(min_length=1, description="The label that is right.")
    by: Text = Field(description="Who said it.")
    at: Moment
    note: Text = ""


class AnswersFile:
    """The answers at `path`. Safe to use beside other processes that answer; `like` is the file whose owner a new one gets."""

    def __init__(self, path: Path, *, like: Path) -> None:
        self._path = path
        self._like = like
        self._read_bytes = 0
        self._lines = 0
        self._answers: dict[str, list[Answer]] = {}

    def of(self, inspection: str) -> tuple[Answer, ...]:
        """All answers for an inspection, in the order given, as far as they were read; the last one counts."""
        return tuple(self._answers.get(inspection, ()))

    def read(self) -> None:
        """Read what was added since it was last read; nothing where there is no file yet.

        Raises:
            AnswerError: the file cannot be read, is too large, or a line in it is no answer.
        """
        with self._translated("reading"), contextlib.suppress(FileNotFoundError):
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                self._read_new(descriptor)
            finally:
                os.close(descriptor)

    def keep(self, answer: Answer) -> bool:
        """Append an answer; returning means that it survives kill and power cut. False: the last one says the same already.

        Raises:
            AnswerError: it cannot be written, or as `read`.
        """
        with self._translated("keeping an answer in"):
            descriptor = self._opened()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                self._read_new(descriptor)
                known = self.of(answer.inspection)
                if known and known[-1].label == answer.label:
                    return False
                os.ftruncate(descriptor, self._read_bytes)  # half a line that was never acknowledged
                try:
                    self._append(descriptor, answer.model_dump_json(by_alias=True).encode() + b"\n")
                except OSError:  # a full disk: half a line must not stay
                    with contextlib.suppress(OSError):
                        os.ftruncate(descriptor, self._read_bytes)
                    raise
                self._read_new(descriptor)
            finally:
                os.close(descriptor)
        return True

    def _opened(self) -> int:
        """The file for reading and appending. A new one belongs to the owner of `like`, whoever calls."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        with contextlib.suppress(FileNotFoundError):
            return os.open(self._path, flags)
        descriptor = os.open(self._path, flags | os.O_CREAT, 0o600)
        with contextlib.suppress(OSError):  # only root may, and only root need
            owner = self._like.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        sync_folder(self._path.parent)
        return descriptor

    @staticmethod
    def _append(descriptor: int, line: bytes) -> None:
        view = memoryview(line)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)

    def _read_new(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        if size > MAX_ANSWERS_BYTES:
            msg = f"answers {self._path} have {size} bytes, at most {MAX_ANSWERS_BYTES} are read: put the file away, a new one is begun"
            raise AnswerError(msg)
        if size < self._read_bytes:
            msg = f"answers {self._path} became shorter while they were read: restore a copy of the file"
            raise AnswerError(msg)
        raw = os.pread(descriptor, size - self._read_bytes, self._read_bytes)
        whole = raw[: raw.rfind(b"\n") + 1]
        for text in whole.splitlines():
            self._lines += 1
            try:
                answer = Answer.model_validate_json(text)
            except ValidationError as err:
                msg = f"answers {self._path}, line {self._lines}: {first_mistake(err)}: restore a copy of the file"
                raise AnswerError(msg) from err
            self._answers.setdefault(answer.inspection, []).append(answer)
        self._read_bytes += len(whole)

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as err:
            msg = f"{doing} {self._path}: its folder is missing: give the spool of a box that has run"
            raise AnswerError(msg) from err
        except OSError as err:
            msg = f"{doing} {self._path}: {err.strerror}: make room, or work as the user of the daemon"
            raise AnswerError(msg) from err
