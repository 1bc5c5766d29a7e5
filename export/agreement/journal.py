"""The file that the form adds answers to: one line each, on the disk before the next picture is shown."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from export.agreement.errors import RatingsError
from export.agreement.ratings import REQUIRED, Row, read_rows, standing

HEADS = (*REQUIRED, "answered_at")


class Journal:
    """A file of answers of one or more people, open for one form at a time. Lines are only ever added."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            RatingsError: it cannot be opened, another form has it open, or it is no file of answers that this form wrote.
        """
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
        except OSError as err:
            msg = f"opening {path} for the answers: {err.strerror}: give another path or look at its rights"
            raise RatingsError(msg) from err
        try:
            self._lock()
            self.rows = self._begin()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    def add(self, *, part: str, appraiser: str, trial: int, answer: str, at: datetime) -> None:
        """Write one line and bring it to the disk.

        Raises:
            RatingsError: it cannot be written.
        """
        self._write([part, appraiser, str(trial), answer, at.astimezone(timezone.utc).isoformat(timespec="seconds")])

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            msg = f"opening {self._path} for the answers: another form has it open: wait for it, or give another file"
            raise RatingsError(msg) from err

    def _begin(self) -> list[Row]:
        facts = os.fstat(self._descriptor)
        if facts.st_size == 0 and stat.S_ISREG(facts.st_mode):
            self._write(HEADS)
            return []
        rows = read_rows(self._path)
        standing(rows, self._path)
        with self._path.open("rb") as file:
            heads = next(csv.reader([file.readline().decode("utf-8-sig")]))
            file.seek(-1, os.SEEK_END)
            is_whole = file.read(1) == b"\n"
        if [head.strip() for head in heads] != list(HEADS):
            msg = f"opening {self._path} for the answers: its columns are {','.join(heads)}, expected {','.join(HEADS)}: give another file"
            raise RatingsError(msg)
        if not is_whole:
            msg = f"opening {self._path} for the answers: its last line is not whole: delete it, and its picture is shown again"
            raise RatingsError(msg)
        return rows

    def _write(self, values: Sequence[str]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        raw = line.getvalue().encode()
        before = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, raw) != len(raw):
                msg = "no room"
                raise OSError(28, msg)  # noqa: TRY301 -- a short write is a full disk
            os.fsync(self._descriptor)
        except OSError as err:
            with suppress(OSError):
                os.ftruncate(self._descriptor, before)
            msg = f"writing an answer to {self._path}: {err.strerror}: make room; the answers before are in it"
            raise RatingsError(msg) from err
