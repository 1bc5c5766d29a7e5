"""Rows of numbers that were computed for texts, kept on disk: work that was killed goes on where it stopped.

Every few rows are one file, which is there whole or not at all. Two processes may fill the same folder: they write the same rows.
"""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from export.errors import ExportError
from export.progress import Report
from firmware_config.write import write_atomic

ROWS_IN_A_FILE = 64
"""Some seconds of a small language model: what a kill loses."""

KEYS = "keys"
Tokens: TypeAlias = tuple[int, ...]
Row: TypeAlias = Mapping[str, Any]
"""The values of one text by name: numbers, arrays of one shape, or text."""


class KeptRowsError(ExportError):
    """A file of kept rows cannot be read or written; the message says why in one sentence."""


class KeptRows:
    """The rows of one folder, which is made when the first of them is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all_of(self, texts: Sequence[Tokens], compute: Callable[[Tokens], Row], *, what: str, report: Report) -> dict[str, NDArray[Any]]:
        """The values of N texts by name, each (N, ...); `compute` makes those of the distinct texts that are not there yet.

        Raises:
            KeptRowsError: a file is damaged, or cannot be written.
        """
        kept = self._read()
        missing = sorted({text for text in texts if _key(text) not in kept}, key=lambda text: (len(text), text))
        started = time.monotonic()
        for first in range(0, len(missing), ROWS_IN_A_FILE):
            rows = {}
            for number, text in enumerate(missing[first : first + ROWS_IN_A_FILE], first + 1):
                rows[_key(text)] = dict(compute(text))
                pace = number / max(time.monotonic() - started, 1e-9)
                report(f"{what}: {number} of {len(missing)} descriptions, {pace:.1f}/s")
            self._write(rows)
            kept |= rows
        chosen = [kept[_key(text)] for text in texts]
        return {name: np.array([row[name] for row in chosen]) for name in (chosen[0] if chosen else ())}

    def _read(self) -> dict[bytes, dict[str, Any]]:
        rows: dict[bytes, dict[str, Any]] = {}
        for path in sorted(self._folder.glob("*.npz")):
            try:
                # np.load leaves a damaged file open that it has opened itself.
                with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                    arrays = {name: stored[name] for name in stored.files}
                keys = arrays.pop(KEYS)
                rows |= {key.tobytes(): {name: values[row] for name, values in arrays.items()} for row, key in enumerate(keys)}
            except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as err:
                msg = f"reading kept scores from {path} failed ({err}): remove this file, its texts are then judged again"
                raise KeptRowsError(msg) from err
        return rows

    def _write(self, rows: Mapping[bytes, Row]) -> None:
        keys = np.array([np.frombuffer(key, np.uint8) for key in rows])
        names = next(iter(rows.values()))
        arrays: dict[str, Any] = {name: np.array([row[name] for row in rows.values()]) for name in names}
        content = io.BytesIO()
        np.savez(content, **(arrays | {KEYS: keys}))
        path = self._folder / f"{hashlib.sha256(keys.tobytes()).hexdigest()[:32]}.npz"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content.getvalue())
        except OSError as err:
            msg = f"writing scores to {path} failed ({err.strerror}): free room or give another cache"
            raise KeptRowsError(msg) from err


def _key(text: Tokens) -> bytes:
    return hashlib.sha256(np.array(text, "<i4").tobytes()).digest()
